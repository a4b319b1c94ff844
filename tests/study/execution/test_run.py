import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from hilum.encoders.ledger import Ledger
from hilum.errors import HilumError
from hilum.progress import ProgressReport
from hilum.study.execution import run_study, study_status
from hilum.study.file import parse_study
from hilum.study.plan import plan_data, plan_study


def records(out: Path) -> dict[str, dict]:
    return {str(path.parent.relative_to(out)): json.loads(path.read_text()) for path in out.rglob("step.json")}


def redone(before: Path, after: dict[str, dict]) -> set[str]:
    """Steps whose files are not those of the finished study."""
    old = records(before)
    return {directory for directory, record in after.items() if record != old.get(directory)}


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "copied"))


def test_a_study_ends_with_a_report_and_every_artifact_in_an_open_format(finished):
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert "Does a study run from images to a report?" in page
    for arm in ("scratch", "simclr", "linear"):
        assert {path.name for path in (finished / "arms" / arm / "seed-0").iterdir()} >= {
            "model.safetensors", "card.json", "curves.parquet", "scores.parquet", "step.json",
        }  # fmt: skip
    predictions = pl.read_parquet(finished / "evaluation/predictions/simclr/seed-0.parquet")
    findings = ["Pleural Effusion", "Infiltration", "Atelectasis"]
    assert predictions.columns == [
        "image_id", "patient_id", "split", *(f"y_{f}" for f in findings), *(f"p_{f}" for f in findings),
    ]  # fmt: skip
    assert set(predictions["split"]) == {"val", "test"}
    metrics = pl.read_parquet(finished / "evaluation/metrics.parquet")
    assert set(metrics["arm"]) == {"scratch", "simclr", "linear"}
    assert set(metrics["finding"]) == {"macro", "weighted", "micro", *findings}
    comparisons = pl.read_parquet(finished / "evaluation/comparisons.parquet")
    assert set(comparisons["arm"]) == {"simclr", "linear"}
    assert set(comparisons["reference"]) == {"scratch"}


def test_nothing_half_done_is_left(finished):
    assert not [path for path in finished.rglob(".*") if path.name != ".gitignore"]


def test_arms_that_start_alike_share_one_pretraining(finished):
    assert [str(p.parent.relative_to(finished)) for p in finished.glob("pretrain/*/*/encoder.safetensors")] == [
        "pretrain/simclr-small_convnet-images-1epochs/seed-0"
    ]


def test_only_patients_of_training_images_are_seen_by_pretraining(finished):
    card = json.loads((finished / "pretrain/simclr-small_convnet-images-1epochs/seed-0/card.json").read_text())
    scored = pl.read_parquet(finished / "evaluation/predictions/simclr/seed-0.parquet")
    assert card["training_patients"]
    assert not Ledger(card["training_patients"]).contains([f"phantom-s0:{each}" for each in scored["patient_id"]]).any()


def test_a_finished_study_is_not_run_again(copied, small_study, images, finished, unseen):
    run_study(small_study, {"images": images}, copied, show_step=unseen)
    assert redone(finished, records(copied)) == set()


def test_a_changed_arm_reruns_only_itself(copied, small_text, images, finished, unseen):
    changed = parse_study(small_text, where="small.yaml", overrides=["arms.linear.finetune.lr=3e-3"])
    run_study(changed, {"images": images}, copied, show_step=unseen)
    assert redone(finished, records(copied)) == {"arms/linear/seed-0", "evaluation", "report"}


def test_flipping_every_test_label_changes_no_bit_of_what_is_trained(
    copied, small_study, images, finished, tmp_path, unseen
):
    flipped = Path(shutil.copytree(images, tmp_path / "flipped"))
    test = set((flipped / "test_list.txt").read_text().split())
    table = flipped / "Data_Entry_2017_v2020.csv"
    rows = [line.split(",") for line in table.read_text().splitlines()]
    for row in rows[1:]:
        if row[0] in test:
            row[1] = "Effusion|Infiltration" if row[1] == "No Finding" else "No Finding"
    table.write_text("\n".join(",".join(row) for row in rows) + "\n")

    run_study(small_study, {"images": flipped}, copied, show_step=unseen)
    assert redone(finished, records(copied)) == {"evaluation", "report"}  # no other step's inputs hold a test label

    anew = tmp_path / "anew"
    run_study(small_study, {"images": flipped}, anew, show_step=unseen)
    for path in sorted(finished.rglob("*.safetensors")) + sorted(finished.rglob("scores.parquet")):
        assert path.read_bytes() == (anew / path.relative_to(finished)).read_bytes(), path
    before, after = (pl.read_parquet(out / "evaluation/metrics.parquet")["estimate"] for out in (finished, anew))
    assert not before.equals(after)


def test_a_study_interrupted_twice_goes_on_and_ends_with_the_same_bits(small_study, images, finished, tmp_path, unseen):
    """First while it pretrains, then while it trains an arm."""
    out = tmp_path / "interrupted"
    for interrupted_at in ("pretrain/", "arms/scratch/seed-0"):

        @contextmanager
        def interrupt(number: int, steps: int, step: object, at: str = interrupted_at) -> Iterator[ProgressReport]:
            def report(done: int, total: int, note: str) -> None:
                if step.directory.startswith(at) and done >= total / 2:
                    raise KeyboardInterrupt

            yield report

        with pytest.raises(KeyboardInterrupt):
            run_study(small_study, {"images": images}, out, show_step=interrupt)
        states = {step.directory: step.state for step in study_status(out)}
        assert next(s for d, s in states.items() if d.startswith(interrupted_at)) in ("running", "interrupted", "to do")
    run_study(small_study, {"images": images}, out, show_step=unseen, workers=3)
    for path in sorted(finished.rglob("*.safetensors")) + sorted(finished.rglob("predictions/**/*.parquet")):
        assert path.read_bytes() == (out / path.relative_to(finished)).read_bytes(), path


def test_unreadable_images_are_set_aside_counted_and_stated(small_study, images, tmp_path, unseen):
    broken = Path(shutil.copytree(images, tmp_path / "broken"))
    names = (broken / "train_val_list.txt").read_text().split()[:1] + (broken / "test_list.txt").read_text().split()[:2]
    whole = (broken / "images" / names[0]).read_bytes()
    for name, content in zip(names, (whole[: len(whole) // 2], b"", b"this is not an image"), strict=True):
        (broken / "images" / name).write_bytes(content)
    study = small_study.model_copy(update={"arms": {"scratch": small_study.arms["scratch"]}})
    out = tmp_path / "out"
    report = run_study(study, {"images": broken}, out, show_step=unseen)
    assert set(pl.read_parquet(out / "stores/images/rejected.parquet")["image_id"]) == set(names)
    page = report.read_text(encoding="utf-8")
    left_out = page[page.index("Exclusions</h2>") : page.index("Provenance</h2>")]
    assert "images: 3 images could not be read and were excluded" in left_out
    assert "too narrow" not in left_out


def test_the_status_knows_what_is_done_and_what_is_outdated(copied, small_study, images):
    assert {step.state for step in study_status(copied)} == {"done"}
    plan = json.loads((copied / "plan.json").read_text())
    plan[1]["key"] = "of other settings"
    (copied / "plan.json").write_text(json.dumps(plan))
    assert [step.state for step in study_status(copied)][:3] == ["done", "outdated", "done"]
    with pytest.raises(HilumError, match=r"plan\.json"):
        study_status(images)


def test_the_plan_counts_images_and_sees_what_is_done(small_study, images, finished):
    plan = plan_data(plan_study(small_study, {"images": images}, finished))
    assert [step["done"] for step in plan["steps"]] == [True] * 8
    assert plan["seconds"] == 0
    assert plan["data"][0]["images"] == 120
    assert sum(plan["data"][0]["splits"].values()) == 120
    assert plan["images"]["test"] == plan["data"][0]["splits"]["test"]


def test_the_plan_of_unknown_data_lists_arms_and_steps_without_counts(small_study):
    plan = plan_data(plan_study(small_study, {}))
    assert plan["images"] is None
    assert plan["seconds"] is None
    assert [arm["arm"] for arm in plan["arms"]] == ["scratch", "simclr", "linear"]
    assert [step["kind"] for step in plan["steps"]] == [
        "store",
        "pretrain",
        "finetune",
        "finetune",
        "finetune",
        "baselines",
        "evaluate",
        "report",
    ]


def test_a_part_without_images_is_refused_and_nothing_is_run(small_study, images, tmp_path, unseen):
    empty = Path(shutil.copytree(images, tmp_path / "empty"))
    (empty / "test_list.txt").write_text("")
    with pytest.raises(HilumError, match="no test image of images"):
        run_study(small_study, {"images": empty}, tmp_path / "out", show_step=unseen)
    assert not (tmp_path / "out").exists()


def test_a_finding_that_the_data_do_not_label_is_refused(small_text, images, tmp_path, unseen):
    study = parse_study(small_text.replace("Infiltration", "Fracture"), where="small.yaml")
    with pytest.raises(HilumError, match=r"task.findings: expected findings of images .*; found Fracture"):
        run_study(study, {"images": images}, tmp_path / "out", show_step=unseen)


def test_a_data_set_without_a_folder_is_asked_for(small_study, tmp_path, unseen):
    with pytest.raises(HilumError, match="Add --data images=FOLDER"):
        run_study(small_study, {}, tmp_path / "out", show_step=unseen)


def test_the_folder_of_another_study_is_not_written_over(finished, small_study, images, unseen, tmp_path):
    out = Path(shutil.copytree(finished, tmp_path / "out"))
    before = (out / "study.yaml").read_bytes()
    name, arm = next(iter(small_study.arms.items()))
    other = small_study.model_copy(update={"question": "Another?", "arms": {f"{name}_2": arm}})
    with pytest.raises(HilumError, match=f"another study, with another question and arms: {small_study.question[:10]}"):
        run_study(other, {"images": images}, out, show_step=unseen)
    assert (out / "study.yaml").read_bytes() == before


def test_a_folder_of_other_things_is_not_taken_for_a_study(small_study, images, unseen):
    before = sorted(images.rglob("*"))
    with pytest.raises(HilumError, match="Give another folder with --out"):
        run_study(small_study, {"images": images}, images, show_step=unseen)
    assert sorted(images.rglob("*")) == before


@pytest.mark.slow
def test_an_arm_that_starts_from_weights_which_saw_test_patients_is_marked(
    small_text, images, finished, tmp_path, unseen
):
    """Weights pretrained on the official training images, tested by CheXNet's lists, which mix them."""
    weights = finished / "pretrain/simclr-small_convnet-images-1epochs/seed-0"
    changes = [
        "task.split={lists: chexnet}",
        f"arms={{scratch: {{encoder: small_convnet}}, own: {{encoder: small_convnet, init: {weights}}}}}",
    ]
    study = parse_study(small_text, where="small.yaml", overrides=[*changes, "evaluate.contaminated=mark"])
    arms = {arm["arm"]: arm for arm in plan_data(plan_study(study, {"images": images}))["arms"]}
    assert arms["scratch"]["trained_on_test_patients"] == "no"
    assert arms["own"]["trained_on_test_patients"].startswith("YES: ")
    report = run_study(study, {"images": images}, tmp_path / "out", show_step=unseen).read_text(encoding="utf-8")
    assert "own †" in report
    assert "scratch †" not in report
