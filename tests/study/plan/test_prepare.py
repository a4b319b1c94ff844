"""From study files to images, splits and targets, on generated data sets of every labelling system."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hilum.errors import HilumError
from hilum.study.file import finetune_settings, parse_study
from hilum.study.plan import labels
from hilum.study.plan.prepare import prepare

STUDY = """\
question: How are labels read?
data:
  images: {collection: COLLECTION}
preprocess: [{square: pad}, {resize: 32}]
task:
  findings: FINDINGS
  split: {patients: [0.5, 0.2, 0.3], seed: 0}
  MORE
arms:
  scratch: {encoder: resnet18}
"""


@pytest.fixture(scope="module")
def roots(in_layout):
    def make(layout: str) -> Path:
        return in_layout(layout)[0]

    return make


@pytest.fixture
def prepared(roots):
    def make(collection: str, findings: str, **more: str):
        text = STUDY.replace("COLLECTION", collection).replace("FINDINGS", findings)
        text = text.replace("  MORE\n", "".join(f"  {key}: {value}\n" for key, value in more.items()))
        return prepare(parse_study(text, where="study.yaml"), {"images": roots(collection)})

    return make


def uncertain(data, finding: str) -> set[str]:
    return set(data.dataset.manifest.filter(pl.col(finding) == -1)["image_id"])


def target(task, image_id: str, column: int = 0) -> float:
    images = task.train if image_id in task.train.image_ids else task.val
    return float(images.targets[images.image_ids.index(image_id), column])


@pytest.mark.parametrize(("rule", "value"), [("zero", 0.0), ("one", 1.0), ("ignore", np.nan), ("own_class", 2.0)])
def test_uncertain_labels_are_read_as_the_task_says(prepared, rule, value):
    found = prepared(
        "chexpert", "[Pleural Effusion, Lung Opacity]", uncertain=f"{{Lung Opacity: {rule}, otherwise: zero}}"
    )
    open_images = {*found.task.train.image_ids, *found.task.val.image_ids}
    doubtful = uncertain(found.labelled, "Lung Opacity") & open_images
    assert doubtful
    assert all(np.isclose(target(found.task, image, 1), value, equal_nan=True) for image in doubtful)
    assert all(target(found.task, image) == 0 for image in uncertain(found.labelled, "Pleural Effusion") & open_images)


def test_images_in_doubt_are_dropped_from_every_part(prepared):
    selected, dropped = (prepared("chexpert", "[Pleural Effusion]", uncertain=rule) for rule in ("zero", "drop"))
    doubtful = uncertain(selected.labelled, "Pleural Effusion")
    assert doubtful
    assert set(dropped.task.manifest["image_id"]) == set(selected.task.manifest["image_id"]) - doubtful


def test_a_vote_decides_where_readers_disagree(prepared):
    votes = {vote: prepared("vindr_cxr", "[Pleural Effusion]", consensus=vote) for vote in ("any", "majority", "all")}
    counts = [int((votes[vote].task.manifest["Pleural Effusion"] == 1).sum()) for vote in ("any", "majority", "all")]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[2]


def test_a_grade_decides_from_where_on_a_finding_counts(prepared):
    few, many = (
        prepared("uka_cxr", "[Cardiomegaly, Pleural Effusion]", severity_threshold=grade) for grade in ("4", "1")
    )
    for finding in ("Cardiomegaly", "Pleural Effusion"):
        assert (few.task.manifest[finding] == 1).sum() < (many.task.manifest[finding] == 1).sum()


def test_a_contrast_keeps_two_sides(prepared):
    found = prepared("kermany", "[Pneumonia]", images="{contrast: {positive: Pneumonia, negative: No Finding}}")
    manifest = found.labelled.dataset.manifest
    assert len(found.task.manifest) == int(((manifest["Pneumonia"] == 1) ^ (manifest["No Finding"] == 1)).sum())


def test_images_of_one_label_and_a_papers_rule_go_together(prepared):
    classes = "[Atelectasis, Pleural Effusion, Infiltration, Nodule, No Finding]"
    found = prepared("chestxray14", classes, images=f"{{exactly_one_of: {classes}}}")
    positives = found.task.manifest.select(
        pl.sum_horizontal(pl.col(name) == 1 for name in ("Atelectasis", "Infiltration", "No Finding", "Nodule"))
        + (pl.col("Pleural Effusion") == 1)
    )
    assert positives.to_series().to_list() == [1] * len(positives)


def test_generated_patients_carry_their_populations_name_in_every_layout(prepared):
    for collection, findings in (("chestxray14", "[Infiltration]"), ("padchest", "[Infiltration]")):
        found = prepared(collection, findings)
        assert all(name.startswith("phantom-s0:") for name in found.task.train.patient_ids)


def test_a_finding_that_the_set_does_not_label_is_refused_with_those_it_does(prepared):
    with pytest.raises(HilumError, match=r"^task.findings: expected findings of images .*found Hernia"):
        prepared("vindr_cxr", "[Hernia]")


def test_a_third_class_is_trained_and_never_scored(prepared):
    found = prepared("chexpert", "[Pleural Effusion]", uncertain="own_class")
    assert finetune_settings(found.study, "scratch", 100).output_type == "multilabel_u_multiclass"
    scored = labels(found)
    doubtful = uncertain(found.labelled, "Pleural Effusion") & set(scored["image_id"])
    assert doubtful
    assert scored.filter(pl.col("image_id").is_in(doubtful))["y_Pleural Effusion"].null_count() == len(doubtful)
    assert (
        finetune_settings(prepared("chexpert", "[Pleural Effusion]").study, "scratch", 100).output_type == "multilabel"
    )


def test_pretraining_sees_images_outside_of_the_cohort_and_only_usable_ones(roots):
    text = STUDY.replace("COLLECTION", "chexpert").replace("FINDINGS", "[Pleural Effusion]")
    text = text.replace("  MORE\n", "  images: {any_of: [Pleural Effusion, Cardiomegaly, Lung Opacity, Edema]}\n")
    text = text.replace("resnet18}", "resnet18, init: {pretrain: simclr, on: images}}")
    wide = prepare(parse_study(text, where="study.yaml"), {"images": roots("chexpert")})
    usable = text.replace("collection: chexpert", "collection: chexpert, images: {views: frontal, lists: [train]}")
    narrow = prepare(parse_study(usable, where="study.yaml"), {"images": roots("chexpert")})
    for found in (wide, narrow):
        pool, data = set(found.pretraining_ids("images")), found.labelled
        held_out = {name for part in ("val", "test") for name in data.patients(found.task.split.image_ids(part))}
        names = data.patients(data.manifest["image_id"].to_list())
        images = zip(data.manifest["image_id"], names, strict=True)
        assert pool == {image_id for image_id, name in images if name not in held_out}
        assert pool > set(found.task.train.image_ids)
        assert set(found.stored_images("images")["image_id"]) == {*pool, *found.task.manifest["image_id"]}
    assert set(wide.labelled.manifest["split"]) == {"train", "val"}
    assert set(narrow.labelled.manifest["split"]) == {"train"}
