"""Covariance of the AUROCs of many models, of each finding and of their mean, with patients as clusters.

For one finding it is Obuchowski's (Biometrics 53:567-578, 1997), as in `hilum.evaluation.inference.delong`. The mean
over findings has such terms for each finding and for each pair of findings: the components of a patient are summed over
both findings, as Obuchowski sums them over a patient's positives and negatives.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.bootstrap import available_threads, compiled


@dataclass(frozen=True)
class LayerCovariance:
    """Estimates of M models (arms x seeds) on the same patients and their covariance.

    Attributes:
        estimates: (R, M); rows are findings, then averages.
        covariance: (R, M, M); NaN with fewer than two positive or two negative patients.
    """

    estimates: NDArray[np.float64]
    covariance: NDArray[np.float64]


def auroc_covariance(
    labels: NDArray[np.float64],
    layers: NDArray[np.float64],
    patients: NDArray[np.int32],
    *,
    mean_over: NDArray[np.bool_],
    threads: int | None = None,
) -> LayerCovariance:
    """Compute AUROCs and their covariance over patients from placement values; exact, without resamples.

    With `a_f` and `b_f` the summed components of a patient's positives and negatives of finding f, divided by their
    numbers, Cov(f, f) is Obuchowski's, and Cov(f, g) = P / (P - 1) sum over patients of (a_f + b_f) (a_g + b_g)'. The
    covariance of the mean over F findings is the sum of all, divided by F squared.

    Args:
        labels: (N, F), 1, 0 or NaN (unknown).
        layers: (M, N, F), scores.
        patients: (N,), 0 to P - 1.
        mean_over: (F,), findings in the mean.
        threads: None for all available ones.

    Returns:
        F + 1 rows: findings, then the mean (NaN over no finding).
    """
    models, _, findings = layers.shape
    units = int(patients.max()) + 1
    estimates = np.full((findings + 1, models), np.nan)
    covariance = np.full((findings + 1, models, models), np.nan)
    summed, alone = np.zeros((models, units)), np.zeros((models, models))
    every_patient = units / (units - 1) if units > 1 else np.nan

    def of_finding(finding: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        return _components(labels[:, finding], layers[:, :, finding], patients, units)

    with ThreadPoolExecutor(threads or available_threads()) as pool:
        for finding, (areas, positive, negative) in enumerate(pool.map(of_finding, range(findings))):
            estimates[finding] = areas
            covariance[finding] = _obuchowski(labels[:, finding], positive, negative, patients)
            if mean_over[finding]:
                both = positive + negative
                summed += both
                alone += covariance[finding] - every_patient * (both @ both.T)
    if mean_over.any():
        number = int(mean_over.sum())
        estimates[-1] = estimates[:-1][mean_over].mean(axis=0)
        covariance[-1] = (alone + every_patient * (summed @ summed.T)) / number**2
    return LayerCovariance(estimates, covariance)


def _obuchowski(
    labels: NDArray[np.float64],
    positive: NDArray[np.float64],
    negative: NDArray[np.float64],
    patients: NDArray[np.int32],
) -> NDArray[np.float64]:
    """Compute the covariance of one finding from components (M, P), divided by numbers of positives and negatives."""
    known = ~np.isnan(labels)
    clusters, with_positive, with_negative = (
        len(np.unique(patients[side])) for side in (known, labels == 1, labels == 0)
    )
    if min(with_positive, with_negative) < 2:
        return np.full((len(positive), len(positive)), np.nan)
    across = clusters / (clusters - 1) * (positive @ negative.T)
    return (
        with_positive / (with_positive - 1) * (positive @ positive.T)
        + with_negative / (with_negative - 1) * (negative @ negative.T)
        + across
        + across.T
    )


def _components(
    labels: NDArray[np.float64], scores: NDArray[np.float64], patients: NDArray[np.int32], units: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Compute AUROC (M,), and each patient's components minus their mean, (M, P) of positives and of negatives."""
    models = len(scores)
    areas = np.full(models, np.nan)
    positive, negative = np.zeros((models, units)), np.zeros((models, units))
    known = np.flatnonzero(~np.isnan(labels))
    sick, owner = labels[known] == 1, patients[known]
    if 0 < sick.sum() < len(sick):
        for model, row in enumerate(scores):
            score = row[known]
            order = np.argsort(score)
            areas[model] = _add_components(score[order], sick[order], owner[order], positive[model], negative[model])
    return areas, positive, negative


@compiled
def _add_components(
    scores: NDArray[np.float64],
    sick: NDArray[np.bool_],
    owners: NDArray[np.int32],
    positive: NDArray[np.float64],
    negative: NDArray[np.float64],
) -> float:
    """Compute the AUROC in one pass over sorted scores; sum each image's placement value (ties half) by patient.

    Args:
        scores: (N,), ascending.
        sick: (N,), True for positives, in the same order.
        owners: (N,), patients, in the same order.
        positive, negative: (P,), zeros; filled.
    """
    number = len(scores)
    positives = 0
    for at in range(number):
        positives += sick[at]
    negatives = number - positives
    area = 0.0
    sick_before, healthy_before = 0, 0
    begin = 0
    while begin < number:
        end, sick_here = begin, 0
        while end < number and scores[end] == scores[begin]:
            sick_here += sick[end]
            end += 1
        healthy_here = end - begin - sick_here
        beats = (healthy_before + healthy_here / 2) / negatives
        beaten = (positives - sick_before - sick_here / 2) / positives
        for at in range(begin, end):
            if sick[at]:
                positive[owners[at]] += beats / positives
                area += beats / positives
            else:
                negative[owners[at]] += beaten / negatives
        sick_before += sick_here
        healthy_before += healthy_here
        begin = end
    for at in range(number):
        if sick[at]:
            positive[owners[at]] -= area / positives
        else:
            negative[owners[at]] -= area / negatives
    return area


def bootstrap_covariance(estimates: NDArray[np.float64], resampled: NDArray[np.float64]) -> LayerCovariance:
    """Compute the covariance of any metric from its bootstrap over patients; seeds are not resampled.

    Args:
        estimates: (M, R).
        resampled: (M, R, B); resamples in which a model is undefined are excluded.
    """
    models, rows, _ = resampled.shape
    covariance = np.full((rows, models, models), np.nan)
    for row in range(rows):
        drawn = resampled[:, row][:, np.isfinite(resampled[:, row]).all(axis=0)]
        if drawn.shape[1] > 1:
            covariance[row] = np.atleast_2d(np.cov(drawn))
    return LayerCovariance(np.ascontiguousarray(estimates.T), covariance)
