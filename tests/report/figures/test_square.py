"""Curves that share their frame: what is drawn is what scikit-learn and hilum.evaluation compute."""

import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from hilum.evaluation.metrics import brier
from hilum.report.figures import canvas, decision_figures, precision_at, precision_recall_figures, reliability_figures


def draw(seed: int, images: int = 200) -> tuple[np.ndarray, np.ndarray]:
    own = np.random.default_rng(seed)
    labels = (own.random(images) < 0.2).astype(float)
    return labels, np.round(own.random(images) + 0.3 * labels, 2)  # with ties


@pytest.mark.parametrize("seed", range(5))
def test_precision_at_each_recall_is_that_of_scikit_learn(seed):
    labels, scores = draw(seed)
    precision, recall, _ = precision_recall_curve(labels, scores)
    points = [
        (r, max(p for p, q in zip(precision, recall, strict=True) if q == r)) for r in sorted(set(recall)) if r > 0
    ]
    reached = precision_at(labels, scores, np.array([r for r, _ in points]))
    first = [
        next(p for p, q in zip(precision[::-1][1:], recall[::-1][1:], strict=True) if q >= r - 1e-12) for r, _ in points
    ]
    assert reached == pytest.approx(first)


@pytest.mark.parametrize("seed", range(5))
def test_the_mean_of_precisions_at_the_positives_is_average_precision(seed):
    labels, scores = draw(seed)
    positives = int(labels.sum())
    at = precision_at(labels, scores, np.arange(1, positives + 1) / positives)
    assert at.mean() == pytest.approx(average_precision_score(labels, scores))


def test_every_finding_with_positives_has_a_panel_of_each_kind(full):
    with canvas.style():
        kinds = [precision_recall_figures(full), reliability_figures(full), decision_figures(full)]
    findings = full.predictions["simclr"][0].findings
    for figures in kinds:
        assert len(figures) == len(findings)
        assert all(arm.title in figure.svg for figure in figures for arm in full.arms)


def test_the_legend_of_a_reliability_curve_has_the_mean_brier_score(full):
    with canvas.style():
        figure = reliability_figures(full)[0]
    runs = full.predictions["simclr"]
    expected = np.mean([brier(run.labels[:, 0], run.scores[:, 0]) for run in runs])
    shown = dict(re.findall(r"(\w+): ECE [\d.]+ · Brier ([\d.]+)", figure.description))
    assert float(shown["simclr"]) == pytest.approx(expected, abs=5e-4)


def test_without_predictions_there_are_no_curves(study):
    bare = replace(study, predictions={})
    assert precision_recall_figures(bare) == reliability_figures(bare) == decision_figures(bare) == []
