"""What would fail after all training is found in miniature before any."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import hilum.report.page
from hilum.cli import make_app
from hilum.errors import HilumErrors
from hilum.study.check import BEFORE, check_prepared, check_study
from hilum.study.execution import CHECK, explain as explaining, run_study
from hilum.study.file import parse_study
from hilum.study.miniature import OF_EACH_LABEL, arms_of_each_kind, miniature
from hilum.study.plan import labels
from hilum.study.plan.prepare import prepare

EXPLAINED = "explain={images: 10, points: 15, arms: [scratch, simclr], method: gradcam}"


@pytest.fixture(autouse=True)
def temporary(tmp_path_factory, monkeypatch) -> Path:
    """Where miniatures lie while they run."""
    directory: Path = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


@pytest.fixture
def explained_study(small_text):
    return parse_study(small_text, where="small.yaml", overrides=[EXPLAINED])


@pytest.fixture
def two_text(small_text):
    """The small study without its arm `linear`."""
    return "".join(line for line in small_text.splitlines(keepends=True) if not line.startswith("  linear:"))


@pytest.fixture
def one_text(two_text):
    """The small study with its arm `scratch` alone, and so without pretraining."""
    return "".join(
        line for line in two_text.splitlines(keepends=True) if not line.startswith(("  simclr:", "pretrain:"))
    )


def refuse(*_, **__):
    raise RuntimeError("no such marker")


def test_every_step_is_tried_in_seconds_and_nothing_is_left(explained_study, images, temporary):
    checked = check_study(explained_study, {"images": images})
    assert checked.problems == []
    kinds = [title.split()[0] for title in checked.seconds]
    assert kinds == ["decode", "pretrain", *["fine-tune"] * 3, "fit", "evaluate", "explain", "write"]
    assert checked.images < 60
    assert list(temporary.iterdir()) == []


def test_a_page_that_cannot_be_written_is_found_before_any_training(one_text, images, tmp_path, unseen, monkeypatch):
    monkeypatch.setattr(hilum.report.page, "sections", refuse)
    out = tmp_path / "out"
    with pytest.raises(HilumErrors) as caught:
        run_study(
            parse_study(one_text, where="one.yaml"),
            {"images": images},
            out,
            show_step=unseen,
            check=lambda p: check_prepared(p).raise_problems(),
        )
    (problem,) = caught.value.problems
    assert problem.startswith("write the report: RuntimeError: no such marker (test_check.py, line ")
    assert not list(out.rglob("*.safetensors"))
    assert not (out / "stores").exists()


@pytest.mark.slow
def test_a_heat_map_that_fails_for_one_arm_names_it_and_the_page_is_tried_all_the_same(two_text, images, monkeypatch):
    explained_study = parse_study(two_text, where="two.yaml", overrides=[EXPLAINED])
    honest = explaining.explain

    def fails_for_simclr(models, *others):
        if any("simclr" in model.name for model in models):
            refuse()
        return honest(models, *others)

    monkeypatch.setattr(explaining, "explain", fails_for_simclr)
    monkeypatch.setattr(hilum.report.page, "sections", refuse)
    problems = check_study(explained_study, {"images": images}).problems
    assert [(each.arm, each.step.split()[0]) for each in problems] == [("simclr", "explain"), (None, "write")]
    assert problems[0].sentence.startswith("arms.simclr, explain scratch and simclr: gradcam, tsne: RuntimeError")


def test_arms_that_fail_are_reported_together_and_the_others_are_judged(one_text, images, monkeypatch, tmp_path):
    monkeypatch.setenv("HILUM_WEIGHTS", str(tmp_path / "no_weights"))
    overrides = [
        "arms.wild={encoder: small_convnet, finetune: {lr: 1.0e+30, weight_decay: 0, head: mlp}}",
        "arms.published={encoder: resnet18, init: imagenet1k}",
        "arms.greedy={encoder: small_convnet, init: {pretrain: mocov2, on: images, batch_size: 4096}}",
    ]
    checked = check_study(parse_study(one_text, where="one.yaml", overrides=overrides), {"images": images})
    message = {(each.arm, each.step): each.message for each in checked.problems}
    assert list(message) == [("published", BEFORE), ("greedy", BEFORE), ("wild", "fine-tune wild, seed 0")]
    assert "hilum weights fetch" in message["published", BEFORE]
    assert "at least one batch of 4096" in message["greedy", BEFORE]
    assert "arms.wild.finetune.lr (now 1e+30)" in message["wild", "fine-tune wild, seed 0"]
    assert list(checked.seconds)[-1] == "write the report"


def test_arms_of_one_kind_are_tried_once(small_text):
    overrides = [
        "arms.slow={encoder: small_convnet, finetune: {lr: 1.0e-5, epochs: 90}}",
        "arms.longer={encoder: small_convnet, init: {pretrain: simclr, on: images, epochs: 300}}",
        "arms.deeper={encoder: small_convnet, finetune: {head: mlp}}",
        "arms.small={encoder: resnet50}",
    ]
    study = parse_study(small_text, where="small.yaml", overrides=[*overrides, "evaluate.reference=slow"])
    assert arms_of_each_kind(study) == ["simclr", "linear", "slow", "deeper", "small"]


def test_every_part_keeps_positives_and_negatives_of_every_finding(small_study, images):
    prepared = prepare(small_study, {"images": images})
    small = miniature(prepared)
    assert small.task.split.assignment.height < 60
    whole, few = ({"test": labels(each).filter(pl.col("split") == "test")} for each in (prepared, small))
    for name in small_study.task.findings:
        for value in (0, 1):
            had, left = (
                each["test"].filter(pl.col(f"y_{name}") == value)["patient_id"].n_unique() for each in (whole, few)
            )
            assert left >= min(had, OF_EACH_LABEL)
    for part in ("train", "val"):
        before, after = (getattr(each.task, part).targets for each in (prepared, small))
        assert ((after == 1).sum(0) >= (before == 1).sum(0).clip(max=1)).all()
        assert ((after == 0).sum(0) >= (before == 0).sum(0).clip(max=1)).all()
    assert set(small.task.train.image_ids) <= set(prepared.task.train_of(0).image_ids)
    assert set(small.pretraining_ids("images")) <= set(prepared.pretraining_ids("images"))


def test_a_study_is_tried_once(small_study, one_text, images, finished, tmp_path, unseen):
    tried = []

    def run(study, out, *, fails=False):
        def check(prepared):
            tried.append(prepared)
            if fails:
                raise HilumErrors("the study in miniature", ["no"], fix="nothing was trained")

        run_study(study, {"images": images}, out, show_step=unseen, check=check)

    run(small_study, Path(shutil.copytree(finished, tmp_path / "finished")))
    assert tried == []  # all of its steps are done
    out, short = tmp_path / "out", parse_study(one_text, where="x", overrides=["finetune.epochs=1"])
    with pytest.raises(HilumErrors):
        run(short, out, fails=True)
    assert len(tried) == 1
    assert not (out / CHECK).exists()
    run(short, out)
    assert len(tried) == 2
    (out / "report" / "step.json").unlink()
    run(short, out)
    assert len(tried) == 2  # resumed
    run(parse_study(one_text, where="x", overrides=["finetune.epochs=1", "evaluate.n_bootstrap=120"]), out)
    assert len(tried) == 3


def test_the_commands_try_a_study_first(one_text, images, tmp_path, monkeypatch):
    monkeypatch.setattr(hilum.report.page, "sections", refuse)
    file = tmp_path / "small.yaml"
    file.write_text(one_text, encoding="utf-8")
    command = ["study", "run", str(file), "--out", str(tmp_path / "out"), "--data", f"images={images}"]
    result = CliRunner().invoke(make_app(), command)
    assert isinstance(result.exception, HilumErrors)
    assert "write the report: RuntimeError: no such marker" in str(result.exception)
    result = CliRunner().invoke(make_app(), ["study", "check", str(file), "--data", f"images={images}", "--json"])
    assert result.exit_code == 1
    assert '"step": "write the report"' in result.stdout


def test_an_arm_that_would_diverge_is_a_warning_and_stops_no_study(two_text, images):
    """Its learning rate is absurd; the other arms train."""
    study = parse_study(two_text, where="two.yaml", overrides=["arms.simclr.finetune={lr: 1e30}"])
    checked = check_study(study, {"images": images})
    assert {(problem.arm, problem.code) for problem in checked.problems} == {("simclr", "diverged")}
    assert [warning.arm for warning in checked.warnings] == ["simclr"]
    checked.raise_problems(but_warnings=True)
    with pytest.raises(HilumErrors, match="simclr"):
        checked.raise_problems()
    alone = replace(checked, arms=["simclr"])
    assert alone.warnings == []  # no arm would be left
    with pytest.raises(HilumErrors):
        alone.raise_problems(but_warnings=True)
