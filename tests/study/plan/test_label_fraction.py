"""A part of the labels: drawn anew by every seed, nested, counted where it is read, and one row for one finding."""

import polars as pl
import pytest

from hilum.report.verdict.decide import decide
from hilum.study.execution import run_study
from hilum.study.execution.report_content import report_content
from hilum.study.file import parse_study
from hilum.study.plan import (
    LabelledSubset,
    count_images,
    describe_subsets,
    labelled_subsets,
    plan_data,
    plan_study,
    steps_of,
)
from hilum.study.plan.prepare import prepare

FEW = """\
question: Do few labels suffice?
data:
  images: {collection: chestxray14}
preprocess: [{square: pad}, {resize: 32}]
task:
  findings: [Infiltration]
  split: {lists: official, validation: 0.3, seed: 0}
  label_fraction: 0.3
arms:
  scratch: {encoder: small_convnet}
  other: {encoder: small_convnet, finetune: {lr: 1e-7}}
finetune: {steps: 3}
seeds: [0, 1]
evaluate: {n_bootstrap: 100, min_positive_patients: 2}
explain: null
"""


@pytest.fixture(scope="module")
def study():
    return parse_study(FEW, where="few.yaml")


def prepared_with(study, images, fraction):
    task = study.task.model_copy(update={"label_fraction": fraction})
    return prepare(study.model_copy(update={"task": task}), {"images": images})


def test_every_seed_draws_its_own_patients_and_a_smaller_share_is_inside_a_larger_one(study, images):
    drawn = {fraction: prepared_with(study, images, fraction).task for fraction in (0.1, 0.3, 1.0)}
    for seed in study.seeds:
        few, some, every = (set(drawn[fraction].train_of(seed).patient_ids) for fraction in (0.1, 0.3, 1.0))
        assert few < some < every
        whole = drawn[0.3].train
        expected = {i for i, p in zip(whole.image_ids, whole.patient_ids, strict=True) if p in some}
        assert set(drawn[0.3].train_of(seed).image_ids) == expected
    assert drawn[0.3].train_of(0).image_ids != drawn[0.3].train_of(1).image_ids
    assert drawn[1.0].train_of(0).image_ids == drawn[1.0].train_of(1).image_ids == drawn[1.0].train.image_ids


def test_the_share_is_reported_in_images_patients_and_positives():
    one = LabelledSubset(0, 10, 14, 9, {"Pneumonia": 10})
    assert describe_subsets([one]) == "10 % of the training patients: 14 images of 9 patients, 10 positive"
    two = LabelledSubset(1, 10, 17, 9, {"Pneumonia": 4})
    assert describe_subsets([one, two]) == (
        "10 % of the training patients: 14 to 17 images of 9 patients, 4 to 10 positive, drawn separately for each of 2 seeds"
    )
    several = LabelledSubset(0, 100, 1200, 900, {"Mass": 30, "Hernia": 2})
    assert describe_subsets([several]) == (
        "100 % of the training patients: 1,200 images of 900 patients, 2 positive for Hernia, the rarest finding"
    )


def test_the_plan_says_how_many_labels_and_steps_there_are(study, images):
    plan = plan_data(plan_study(study, {"images": images}))
    shares = labelled_subsets(prepare(study, {"images": images}))
    assert plan["labelled"]["description"] == describe_subsets(shares)
    assert [row["images"] for row in plan["labelled"]["seeds"]] == [share.images for share in shares]
    scratch, other = plan["finetuning"]
    assert (scratch["arms"], other["arms"]) == (["scratch"], ["other"])
    assert scratch["images"] == shares[0].images
    assert scratch["steps"] >= 3
    assert {each["name"]: each["origin"] for each in other["settings"]}["lr"] == "given"


@pytest.fixture(scope="module")
def content(study, images, unseen, tmp_path_factory):
    out = tmp_path_factory.mktemp("few") / "run"
    run_study(study, {"images": images}, out, show_step=unseen)
    prepared = prepare(study, {"images": images})
    return report_content(prepared, out, steps_of(study, count_images(prepared)))


def test_one_finding_is_one_row_everywhere(content):
    for table in (content.metrics, content.comparisons, content.baseline_metrics, content.baseline_comparisons):
        assert table["finding"].unique().to_list() == ["Infiltration"]
    estimates = content.metrics.filter(pl.col("metric") == "auroc")
    assert estimates["arm"].to_list() == ["scratch", "other"]
    assert content.ranks is None


def test_an_arm_that_did_not_learn_is_named_before_the_verdict_and_stands_beside_its_probe(content):
    assert "other had not finished learning" in decide(content).headline.replace("scratch and other", "other")
    assert "loss_near_chance" in content.learning.filter(pl.col("arm") == "other")["sign"].to_list()
    assert content.probe_metrics["arm"].unique(maintain_order=True).to_list() == ["scratch", "other"]
    assert content.probe_metrics["ci_low"].is_not_null().all()
    same_start = content.probe_metrics.select("estimate", "ci_low", "ci_high").rows()
    assert same_start[0] == same_start[1]
    assert content.probe_comparisons.select("arm", "reference").rows() == [
        ("scratch", "linear probe"), ("other", "linear probe"),
    ]  # fmt: skip


def test_report_and_verdict_say_how_many_labels_were_learnt_from(content):
    assert content.labelled_description.startswith("30 % of the training patients: ")
    assert decide(content).sentences[0] == f"Labels: {content.labelled_description}."
    assert content.labelled["seed"].unique().to_list() == [0, 1]
