from dataclasses import replace

import numpy as np
import pytest

from hilum.data.labelled_images import LabelledImages
from hilum.study.file import parse_study
from hilum.study.plan import label_problems
from hilum.study.plan.prepare import prepare


@pytest.fixture
def prepared(small_text, images):
    study = parse_study(small_text, where="small.yaml")
    return prepare(study, {"images": images})


def changed(prepared, train, val, **task):
    """The study with other targets of its training and validation images, and other words about the task."""
    study = prepared.study.model_copy(update={"task": prepared.study.task.model_copy(update=task)})
    parts = {
        part: LabelledImages(images.image_ids, images.patient_ids, np.tile(row, (len(images.image_ids), 1)))
        for part, images, row in (("train", prepared.task.train, train), ("val", prepared.task.val, val))
    }
    return replace(prepared, study=study, task=replace(prepared.task, **parts))


def test_a_fraction_without_a_positive_is_refused_and_all_labels_are_trained_on_without(prepared):
    findings = prepared.study.task.findings
    none = np.zeros(len(findings), dtype=np.float32)
    assert label_problems(changed(prepared, none, none)) == []
    (message,) = label_problems(changed(prepared, none, none, label_fraction=0.1))
    assert message.startswith(
        f"task.findings: 10 % of the labels, seed 0 has no image positive for {findings[0]}, no image"
    )
    assert "raise label_fraction" in message


def test_a_class_that_validation_lacks_is_refused(prepared):
    findings = prepared.study.task.findings
    first = np.eye(len(findings), dtype=np.float32)[0]
    train, val = label_problems(changed(prepared, first, first, classes="multiclass"))
    assert train.startswith(f"task.findings: seed 0 has no image positive for {findings[1]}")
    assert val.startswith(f"task.split: validation has no image positive for {findings[1]}")
