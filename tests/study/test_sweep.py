"""Sweeps in a study file: what is refused, what is tried, and that the winner is what is trained."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hilum.errors import HilumError
from hilum.study.execution import run_study, study_status
from hilum.study.file import as_yaml, parse_study, tiny
from hilum.study.live_page import write_live_page
from hilum.study.overview import list_studies, sweeps_under_way
from hilum.study.plan import count_images, plan_data, plan_study, step_keys, steps_of
from hilum.study.plan.prepare import prepare
from hilum.study.plan.sweep import space_of, sweep_requirements, trial_settings

SWEEP = """\
question: Which settings?
data:
  images: {collection: chestxray14}
preprocess: [{square: pad}, {resize: 32}]
task:
  findings: [Pleural Effusion, Infiltration]
  split: {lists: official, validation: 0.3, seed: 0}
arms:
  plain: {encoder: small_convnet, sweep: null}
  tuned: {encoder: small_convnet}
finetune: {epochs: 3, patience: null, augmentation: none, validations: 3, unfreeze: 0}
sweep: {over: {lr: [1e-2, 1e-4], unfreeze: [0, 1]}, search: halving, best_per: [unfreeze]}
seeds: [0, 1]
evaluate: {n_bootstrap: 100, min_positive_patients: 2}
explain: null
"""


@pytest.fixture(scope="module")
def study():
    return parse_study(SWEEP, where="sweep.yaml")


@pytest.fixture(scope="module")
def swept(study, images, unseen, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("sweep") / "swept"
    run_study(study, {"images": images}, out, show_step=unseen, log="tensorboard")
    return out


def test_the_winner_is_trained_with_all_seeds_and_the_page_says_what_was_tried(swept):
    sweep = swept / "arms/tuned/sweep"
    selected, table = json.loads((sweep / "selected.json").read_text()), pl.read_parquet(sweep / "trials.parquet")
    complete = table.filter(state="complete").sort("val_loss")
    assert (selected["trial"], selected["reads"], selected["tried"]) == (complete["trial"][0], "validation", 4)
    for seed in (0, 1):
        card = json.loads((swept / f"arms/tuned/seed-{seed}/card.json").read_text())["settings"]
        assert {name: card[name] for name in ("lr", "unfreeze")} == selected["settings"]
    refitted = pl.read_parquet(swept / "arms/tuned/seed-0/curves.parquet")["val_loss"].min()
    assert refitted == pytest.approx(selected["val_loss"], abs=1e-5)  # seed 0 is that of the trials
    assert not (swept / "arms/plain/sweep").exists()
    page = (swept / "report.html").read_text(encoding="utf-8")
    assert "tuned: 4 trials with seed 0" in page
    assert "no test image or label was used" in page
    assert {path.name for path in (swept / "tables").glob("sweep*.csv")} >= {"sweeps.csv", "sweep_best_tuned.csv"}
    assert 'id="sweep_tuned-trial' in page
    assert pl.read_csv(swept / "tables/sweep_best_tuned.csv")["selected"].sum() == 1


def test_curves_go_to_tensorboard_once(swept):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for step in ("arms/tuned/seed-0", "arms/tuned/sweep/trial-000"):
        (written,) = (swept / "logs" / step).glob("events*")
        events = EventAccumulator(str(written))
        events.Reload()
        message = [(event.step, event.value) for event in events.Scalars("val_loss")]
        if step.endswith("seed-0"):
            curves = pl.read_parquet(swept / step / "curves.parquet")
        else:
            curves = pl.read_parquet(swept / "arms/tuned/sweep/trial_curves.parquet").filter(trial=0)
        assert [epoch for epoch, _ in message] == curves["epoch"].to_list()
        np.testing.assert_allclose([value for _, value in message], curves["val_loss"], rtol=1e-6)


def test_nothing_of_a_sweep_knows_a_test_image(study, images, swept):
    prepared = prepare(study, {"images": images})
    scored = list((swept / "arms/tuned/sweep").rglob("*.npy"))
    assert scored
    assert all(np.load(path).shape[1] == len(prepared.task.val.image_ids) for path in scored)
    steps = steps_of(study, count_images(prepared))
    keys = step_keys(steps, prepared)
    blind = prepare(study, {"images": images})
    blind.task.test_ids.clear()
    changed = step_keys(steps, blind)
    assert keys["arms/tuned/sweep"] == changed["arms/tuned/sweep"]
    assert keys["arms/tuned/seed-0"] != changed["arms/tuned/seed-0"]


def test_a_changed_sweep_runs_again_with_its_arm_alone(study, images):
    prepared = prepare(study, {"images": images})
    other = parse_study(SWEEP, where="sweep.yaml", overrides=["sweep.select=val_auroc"])
    keys = [
        step_keys(steps_of(each.study, count_images(each)), each)
        for each in (prepared, prepare(other, {"images": images}))
    ]
    different = {directory for directory in keys[0] if keys[0][directory] != keys[1][directory]}
    assert different == {"arms/tuned/sweep", "arms/tuned/seed-0", "arms/tuned/seed-1", "evaluation", "report"}


def test_the_plan_says_trials_and_memory_and_the_file_survives_writing(study, images):
    plan = plan_data(plan_study(study, {"images": images}))
    (row,) = plan["sweeps"]
    assert (row["arm"], row["trials"], row["rounds"]) == ("tuned", 4, 1)
    assert 0 < row["bytes"] <= row["memory"]
    assert [step["directory"] for step in plan["steps"] if step["kind"] == "sweep"] == ["arms/tuned/sweep"]
    again = parse_study(as_yaml(study), where="again.yaml")
    assert again.sweep_of("tuned") == study.sweep_of("tuned") != again.sweep_of("plain") is None
    small = tiny(study)
    assert sweep_requirements(small, "tuned", (60, 20)).trials <= 4


def test_each_task_of_several_has_its_own_sweep():
    one = "{findings: [Infiltration], split: {lists: official, validation: 0.3}}"
    text = SWEEP.replace(SWEEP[SWEEP.index("task:") : SWEEP.index("arms:")], f"tasks: {{a: {one}, b: {one}}}\n")
    study = parse_study(text, where="two.yaml")
    steps = [(step.directory, step.view) for step in steps_of(study, None) if step.kind == "sweep"]
    assert steps == [("tasks/a/arms/tuned/sweep", "tasks/a"), ("tasks/b/arms/tuned/sweep", "tasks/b")]


def test_published_grids_go_by_their_names():
    named = SWEEP.replace("plain: {encoder: small_convnet, sweep: null}", "plain: {encoder: vit_tiny_patch16_224, "
                                                                        "sweep: dinov2_linear}")  # fmt: skip
    named = named.replace("over: {lr: [1e-2, 1e-4], unfreeze: [0, 1]}", "over: {unfreeze: up_to_half}, grid: "
                                                                        "elwirehardja2025")  # fmt: skip
    study = parse_study(named, where="named.yaml")
    heads = space_of(study, "plain", 1000)
    assert len(heads) == 52
    assert {each["pooling"] for each in heads} == {"cls", "cls_mean", "cls_last4", "cls_last4_mean"}
    settings = trial_settings(study, "plain", heads[-1], 1000)
    assert (settings.optimizer, settings.schedule, settings.unfreeze, settings.weight_decay) == (
        "sgd",
        "cosine",
        0,
        0.0,
    )
    assert settings.lr == pytest.approx(0.1 * settings.batch_size / 256)
    assert sweep_requirements(study, "tuned", (1000, 200)).trials == 90 * 3  # of four blocks: 0, 1, 2


PROBLEMS = [
    ("over: {lr: [0, 1e-3]}", r"line 12 +sweep.over.lr.0: expected a number above 0; found 0"),
    ("over: {lr: [1e-3, 1e-3]}", "sweep.over.lr.1: '0.001' is listed twice"),
    (
        "over: {dropuot: [0.1]}",
        "sweep.over.dropuot: is not a setting of fine-tuning    did you mean 'dropout'",
    ),
    ("over: {dropout: [-0.1]}", "sweep.over.dropout.0: expected a number of at least 0, below 1; found -0.1"),
    ("over: {head: [[linear], mlp]}", "sweep.over.head.0: expected one of linear, mlp"),
    ("over: {head: {a: 1}}", "sweep.over.head: is not a range"),
    ("over: {? [1, 2] : 3}", "found unhashable key"),
    ("over: {unfreeze: [9]}", "sweep.over.unfreeze.0: 9 blocks, but small_convnet has 4    use 0 to 4, or all"),
    ("over: {lr: up_to_half}", "sweep.over.lr: 'up_to_half' is not a list of values"),
    ("over: {lr: {log_uniform: [0, 1]}}, search: tpe", "sweep.over.lr.log_uniform: 0 has no logarithm"),
    ("over: {lr: {log_uniform: [1, 1e-3]}}, search: tpe", "1 is not below 0.001"),
    (
        "over: {dropout: {uniform: [0, 1.5]}}, search: tpe",
        "sweep.over.dropout.uniform.1: expected a number of at least 0, below 1",
    ),
    ("over: {lr: {log_uniform: [1e-3, 1]}}", "sweep.over.lr: a grid needs a list of values"),
    ("over: {lr: [1e-3]}, trials: 3", "sweep.trials: a grid tries all combinations"),
    ("over: {lr: [1e-3]}, best_per: [unfreeze]", "sweep.best_per.0: 'unfreeze' is not swept"),
    ("over: {focal: [1.0, 2.0]}", "sweep.over.focal: trials with different losses cannot be compared"),
    ("over: {lr: [1e-3]}, search: gird", "sweep.search: 'gird' is not one of"),
    ("select: val_loss", "sweep: has no settings to try"),
    ("grid: dinov2_linear", "sweep: dinov2_linear uses class tokens"),
    ("grid: elwirehardja", "'elwirehardja' is not one of dinov2_linear, elwirehardja2025"),
]


@pytest.mark.parametrize(("expected", "message"), PROBLEMS, ids=[expected for expected, _ in PROBLEMS])
def test_bad_sweeps_are_refused_with_line_and_fix(expected, message):
    text = SWEEP.replace("over: {lr: [1e-2, 1e-4], unfreeze: [0, 1]}, search: halving, best_per: [unfreeze]", expected)
    with pytest.raises(HilumError, match=message):
        parse_study(text, where="bad.yaml")


@pytest.mark.slow
def test_a_sweep_in_which_all_diverge_fails_its_arm_and_the_others_go_on(images, unseen, tmp_path):
    wild = parse_study(SWEEP, where="wild.yaml", overrides=["sweep.over={lr: [1.0e+30, 1.0e+32], unfreeze: ['all']}"])
    run_study(wild, {"images": images}, tmp_path / "out", show_step=unseen)
    states = {step.directory: step.state for step in study_status(tmp_path / "out")}
    assert states["arms/tuned/sweep"] == states["arms/tuned/seed-0"] == "diverged"
    assert states["report"] == "done"
    assert "Add lower values of lr to the sweep of arms.tuned" in (tmp_path / "out/report.html").read_text(
        encoding="utf-8"
    )


def test_studies_of_a_folder_are_listed_with_their_best_arm_and_watched(swept):
    (one,) = list_studies(swept.parent)
    assert (one.name, one.state, one.arms) == ("swept", "done", ["plain", "tuned"])
    assert one.done == one.steps
    metrics = pl.read_parquet(swept / "evaluation/metrics.parquet").filter(metric="auroc", finding="macro")
    assert one.best.estimate == metrics["estimate"].max()
    assert one.best.ci_low <= one.best.estimate <= one.best.ci_high
    assert [(each["arm"], each["state"], len(each["trials"])) for each in sweeps_under_way(swept)] == [
        ("tuned", "done", 4)
    ]
    page, going_on = write_live_page(swept, reload_seconds=5)
    text = page.read_text(encoding="utf-8")
    assert not going_on
    assert "refresh" not in text
    assert text.count("<tr") > 8
    page.unlink()
    with pytest.raises(HilumError, match="a folder of studies"):
        list_studies(swept / "nowhere")
