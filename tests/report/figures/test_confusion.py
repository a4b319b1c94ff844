import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import confusion_matrix

from hilum.evaluation import as_predictions
from hilum.evaluation.tables import mean_confusion
from hilum.report.figures import canvas, confusion_figures

CLASSES = ["No Finding", "Pneumonia", "Mass"]


def single_label(seed: int):
    own = np.random.default_rng(seed)
    true = np.random.default_rng(0).integers(0, 3, 90)
    scores = own.random((90, 3)) + 0.5 * np.eye(3)[true]
    scores /= scores.sum(axis=1, keepdims=True)
    columns = {f"y_{name}": (true == k).astype(float) for k, name in enumerate(CLASSES)}
    columns |= {f"p_{name}": scores[:, k] for k, name in enumerate(CLASSES)}
    table = pl.DataFrame({"image_id": [f"f{i}" for i in range(90)], **columns})
    return as_predictions(table, name="made up", held_out=True), true, scores.argmax(axis=1)


def test_counts_are_those_of_scikit_learn_averaged_over_seeds():
    runs = [single_label(seed) for seed in (1, 2)]
    expected = np.mean([confusion_matrix(true, called) for _, true, called in runs], axis=0)
    assert mean_confusion([run for run, _, _ in runs]) == pytest.approx(expected)


def test_each_arm_has_a_matrix_whose_cells_can_be_read(study):
    runs = {"scratch": [single_label(1)[0]], "simclr": [single_label(2)[0]]}
    with canvas.style():
        figures = confusion_figures(replace(study, predictions=runs))
    assert [figure.name for figure in figures] == ["confusion_scratch", "confusion_simclr"]
    cells = re.findall(r"<title>([\w ]+) predicted as ([\w ]+): (\d+) images", figures[0].svg)
    counts = mean_confusion(runs["scratch"])
    assert {(a, b): int(n) for a, b, n in cells} == {
        (a, b): counts[i, j] for i, a in enumerate(CLASSES) for j, b in enumerate(CLASSES)
    }


def test_findings_that_go_together_have_no_confusion_matrix(study):
    with canvas.style():
        assert confusion_figures(study) == []
    assert mean_confusion([]) is None
