"""Sweeps over encoders, sizes and label fractions, and copies of their trials for Optuna's tools."""

import json

import polars as pl
import pytest

from hilum.encoders.card import read_card
from hilum.errors import HilumError, HilumErrors
from hilum.finetuning.trials import storage_url
from hilum.study.execution import run_study
from hilum.study.file import as_yaml, parse_study
from hilum.study.file.views import views_of
from hilum.study.plan import plan_data, plan_study
from hilum.study.plan.prepare import prepare
from hilum.study.plan.sweep import required_by_sweeps, trial_problems

SWEEP = """\
question: Which encoder, at which size?
data:
  images: {collection: chestxray14}
preprocess: [{square: pad}, {resize: 48}]
task:
  findings: [Pleural Effusion, Infiltration]
  split: {lists: official, validation: 0.3, seed: 0}
arms:
  tuned: {encoder: toh2023_xvt}
  plain: {encoder: toh2023_xvt, sweep: null}
finetune: {epochs: 1, lr: 1e-3, patience: null, augmentation: none, unfreeze: 0}
sweep: {over: {encoder: [toh2023_xvt, resnet18], size: [32, 48], unfreeze: up_to_half}, best_per: [encoder]}
seeds: [0]
evaluate: {n_bootstrap: 100, min_positive_patients: 2}
explain: null
"""


def study_of(text=SWEEP):
    return parse_study(text, where="sweep.yaml")


@pytest.mark.slow
def test_the_winning_encoder_is_trained_judged_and_named(images, unseen, tmp_path):
    storage = tmp_path / "trials.db"
    text = SWEEP.replace("unfreeze: up_to_half}", "lr: [1e-3]}").replace("best_per:", f"storage: {storage}, best_per:")
    out, study = tmp_path / "out", study_of(text)
    (row,) = plan_data(plan_study(study, {"images": images}))["sweeps"]
    assert row["trials"] == 4
    run_study(study, {"images": images}, out, show_step=unseen)
    selected = json.loads((out / "arms/tuned/sweep/selected.json").read_text())
    table = pl.read_parquet(out / "arms/tuned/sweep/trials.parquet")
    tried = [json.loads(each) for each in table["settings"]]
    assert {(each["encoder"], each["size"]) for each in tried} == {
        (encoder, size) for encoder in ("toh2023_xvt", "resnet18") for size in (32, 48)
    }
    assert table["trial"].to_list() == [0, 1, 2, 3]
    assert selected["val_loss"] == pytest.approx(table["val_loss"].min())
    assert len(selected["best_per"]) == 2
    card = read_card(out / "arms/tuned/seed-0")
    assert (card.encoder, card.image_size) == (selected["settings"]["encoder"], selected["settings"]["size"])
    curves = pl.read_parquet(out / "arms/tuned/seed-0/curves.parquet")
    assert curves["val_loss"].min() == pytest.approx(selected["val_loss"], abs=1e-5)
    import optuna

    (name,) = optuna.study.get_all_study_names(storage=f"sqlite:///{storage}")
    assert name.startswith("Which encoder, at which size?, task, tuned")
    assert len(optuna.load_study(study_name=name, storage=f"sqlite:///{storage}").trials) == 4
    assert selected["settings"]["encoder"] in (out / "report.html").read_text()


def test_label_fractions_of_a_sweep_are_those_of_its_tasks(images):
    text = SWEEP.replace("encoder: [toh2023_xvt, resnet18], ", "label_fraction: [1, 0.5], ").replace(
        "best_per: [encoder]", "best_per: [size]"
    )
    study = study_of(text)
    assert [view.label_fraction for view in views_of(study)] == [0.5, 1]
    assert all(view.study.sweep_of("tuned") is not None for view in views_of(study))
    assert parse_study(as_yaml(study), where="again.yaml") == study
    alone = study_of(text.replace(", size: [32, 48], unfreeze: up_to_half}, best_per: [size]}", "}}"))
    assert alone.sweep is None
    assert alone.task.label_fractions == [0.5, 1]


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (
            "over: {encoder: [resnet18, resnet81]}",
            "over.encoder.1: 'resnet81' is not an encoder    did you mean 'resnet18'?",
        ),
        ("over: {encoder: resnet18}", "is not a list of encoders"),
        ("over: {encoder: [resnet18, resnet18]}", "'resnet18' is listed twice"),
        ("over: {encoder: [resnet18, densenet121], unfreeze: [0, 5]}", "5 blocks, but densenet121 has 4"),
        ("over: {learning_rate: [1e-3]}", "over.learning_rate: is not a setting of fine-tuning"),
        ("over: {size: [32, 8]}", "over.size.1"),
        ("over: {lr: [0, 1e-3]}", "over.lr.0"),
    ],
)
def test_bad_sweeps_are_refused_with_line_and_fix(expected, message):
    text = SWEEP.partition("sweep: {over")[0] + f"sweep: {{{expected}}}\nseeds: [0]\n"
    with pytest.raises(HilumErrors) as error:
        study_of(text)
    assert any(message in problem and "line 12" in problem for problem in error.value.problems)


def test_an_arm_of_one_encoders_start_cannot_sweep_over_encoders():
    text = SWEEP.replace(
        "tuned: {encoder: toh2023_xvt}", "tuned: {encoder: toh2023_xvt, init: {pretrain: simclr, on: images}}"
    )
    with pytest.raises(HilumErrors, match="tuned starts from weights that are trained for one encoder"):
        study_of(text)


def test_storages_that_do_not_answer_are_refused_before_anything_runs(images, tmp_path, monkeypatch):
    with pytest.raises(HilumError, match=r"sweep\.storage"):
        storage_url(str(tmp_path / "nowhere" / "trials.db"))
    with pytest.raises(HilumError, match="a database that answers"):
        storage_url("nosuchbase://host/name")
    monkeypatch.setenv("TRIALS", str(tmp_path))
    assert storage_url("$TRIALS/x.db") == f"sqlite:///{tmp_path}/x.db"
    study = study_of(SWEEP.replace("best_per", "storage: nosuchbase://host/name, best_per"))
    (message,) = trial_problems(study, prepare(study, {"images": images}).labelled_images)
    assert "arms.tuned, sweep.storage" in message


def test_a_sweep_that_no_memory_holds_is_listed_by_the_plan_and_by_the_check(images):
    text = SWEEP.replace("finetune: {", "finetune: {batch_size: 50000000, ").replace("over: {encoder", "over: {lr")
    text = text.replace(
        "[toh2023_xvt, resnet18], size: [32, 48], unfreeze: up_to_half}, best_per: [encoder]", "[1e-3]}"
    )
    study = study_of(text)
    plan = plan_data(plan_study(study, {"images": images}))
    (row,) = plan["sweeps"]
    assert row["refused"].startswith("arms.tuned, sweep: memory: expected ")
    assert plan["refused"] == [row["refused"]]
    assert [arm["arm"] for arm in plan["arms"]] == ["tuned", "plain"]
    large = required_by_sweeps(study, 60, 20)
    assert list(large) == ["tuned"]
    assert str(large["tuned"]).startswith("memory: expected 5,379.2 GB for one trial")
    (required,) = required_by_sweeps(study_of(), 60, 20).values()
    assert not isinstance(required, HilumError)
