"""An arm that diverges ends as such; the others go on, and everything says so."""

import json

import polars as pl
import pytest

from hilum.study.execution import run_study, study_status
from hilum.study.file import parse_study
from hilum.study.plan import plan_study

TEXT = """\
question: Does one diverging arm stop the others?
data: {images: {collection: chestxray14}}
preprocess: [{square: pad}, {resize: 32}]
task: {findings: [Pleural Effusion, Infiltration], split: {lists: official, validation: 0.3, seed: 0}}
arms:
  wild: {encoder: small_convnet, finetune: {lr: 1.0e+30, weight_decay: 0}}
  tame: {encoder: small_convnet}
  frozen: {encoder: small_convnet, finetune: {unfreeze: 0}}
finetune: {epochs: 1, lr: 1e-3, patience: null}
seeds: [0]
evaluate: {n_bootstrap: 100, reference: wild, min_positive_patients: 2}
explain: null
"""


@pytest.fixture(scope="module")
def done(images, unseen, tmp_path_factory):
    out = tmp_path_factory.mktemp("failures") / "out"
    run_study(parse_study(TEXT, where="study.yaml"), {"images": images}, out, show_step=unseen)
    return out


def test_the_diverging_arm_is_recorded_and_the_others_are_judged(done):
    record = json.loads((done / "arms/wild/seed-0/step.json").read_text())
    assert record["outcome"] == "diverged"
    assert "arms.wild.finetune.lr (now 1e+30)" in record["message"]
    metrics = pl.read_parquet(done / "evaluation/metrics.parquet")
    assert set(metrics["arm"]) == {"tame", "frozen"}
    assert set(pl.read_parquet(done / "evaluation/comparisons.parquet")["reference"]) == {"tame"}


def test_status_plan_and_page_say_so(done, images):
    states = {step.directory: step.state for step in study_status(done)}
    assert states.pop("arms/wild/seed-0") == "diverged"
    assert set(states.values()) == {"done"}
    assert "wild diverged (arms/wild/seed-0) and was not evaluated" in (done / "report.html").read_text(
        encoding="utf-8"
    )
    plan = plan_study(parse_study(TEXT, where="study.yaml"), {"images": images}, done)
    assert plan.done == {step.directory for step in plan.steps}


@pytest.mark.slow
def test_with_the_key_that_is_advised_the_arm_is_trained_and_judged(done, images, unseen):
    tamed = parse_study(TEXT, where="study.yaml", overrides=["arms.wild.finetune.lr=1e-3"])
    run_study(tamed, {"images": images}, done, show_step=unseen)
    assert {step.state for step in study_status(done)} == {"done"}
    assert "wild" in set(pl.read_parquet(done / "evaluation/metrics.parquet")["arm"])
