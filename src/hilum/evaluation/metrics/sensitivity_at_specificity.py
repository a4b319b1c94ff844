"""Sensitivity at a fixed specificity: the threshold of each arm is where its own curve has that specificity.

It is read off the judged images themselves and again in every resample, so that an interval holds what the choice of
the threshold adds (Pepe, The Statistical Evaluation of Medical Tests for Classification and Prediction, 2003, §5.2.3).
Arms are compared at the same specificity then, not at thresholds that happen to give each another one. For thresholds
that were chosen on validation images, take the metric `sensitivity` with the rule `specificity=S`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.evaluation.bootstrap import BLOCK, Counts, Statistic, compiled
from hilum.evaluation.metrics.average_precision import count_sides, descents
from hilum.threshold_rule import SENSITIVITY_AT_SPECIFICITY, specificity_of

__all__ = [
    "SENSITIVITY_AT_SPECIFICITY",
    "USUAL_SPECIFICITY",
    "sensitivity_at_specificity",
    "sensitivity_at_specificity_statistic",
    "specificity_of",
]

USUAL_SPECIFICITY = 0.9
"""At which studies compare sensitivities unless they name another."""


def sensitivity_at_specificity(labels: ArrayLike, scores: ArrayLike, specificity: float) -> float:
    """Sensitivity at the lowest threshold that has at least this specificity.

    Args:
        labels: (N,), 1, 0 or NaN (unknown: left out).
        scores: (N,); scores at or above a threshold are called positive.
        specificity: above 0, below 1.

    Returns:
        0 to 1; NaN without positives or without negatives.
    """
    label, score = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    once = np.ones((len(label), BLOCK), dtype=np.uint8)
    owners = np.arange(len(label), dtype=np.int32)
    statistic = sensitivity_at_specificity_statistic([(label, score)], owners, specificity=specificity, threads=1)
    return float(statistic(once)[0, 0])


def sensitivity_at_specificity_statistic(
    columns: Sequence[tuple[NDArray[np.floating], NDArray[np.floating]]],
    patients: NDArray[np.int32],
    *,
    specificity: float,
    threads: int | None = None,
) -> Statistic:
    """Sort each column once; then the sensitivities in any resamples of patients, thresholds chosen anew in each.

    Args:
        columns: K pairs of labels (1, 0, NaN unknown) and scores, of N images each.
        patients: (N,), whose image it is.
        specificity: above 0, below 1.
        threads: that sort; None for as many as this process may use.
    """
    visited, bounds = descents(columns, patients, threads)

    def statistic(counts: Counts) -> NDArray[np.float64]:
        out = np.empty((len(columns), BLOCK))
        weighted_sensitivity(
            visited.patients, visited.positive, visited.last_of_tie, bounds, counts, 1 - specificity + 1e-12, out
        )
        return out

    return statistic


@compiled
def weighted_sensitivity(
    patients: NDArray[np.int32],
    positive: NDArray[np.bool_],
    last_of_tie: NDArray[np.bool_],
    bounds: NDArray[np.int64],
    counts: Counts,
    max_false_positive_rate: float,
    out: NDArray[np.float64],
) -> None:
    """Largest sensitivity up to a false-positive rate, of K sorted columns in 64 resamples.

    Args:
        patients, positive, last_of_tie: of the columns' `DescendingScores` objects, one column after another.
        bounds: (K + 1,), where each column begins and ends.
        counts: (P, 64), how often each patient counts.
        max_false_positive_rate: 1 - specificity.
        out: (K, 64), filled; NaN without a positive or without a negative.
    """
    totals = np.empty((2, BLOCK), dtype=np.int64)
    passed = np.empty((2, BLOCK), dtype=np.int64)
    reached = np.empty(BLOCK, dtype=np.int64)
    for column in range(len(bounds) - 1):
        count_sides(patients, positive, bounds[column], bounds[column + 1], counts, totals)
        passed[:] = 0
        reached[:] = 0
        for visit in range(bounds[column], bounds[column + 1]):
            count = counts[patients[visit]]
            kind = 1 if positive[visit] else 0
            for resample in range(BLOCK):
                passed[kind, resample] += count[resample]
            if last_of_tie[visit]:
                for resample in range(BLOCK):
                    if passed[0, resample] <= max_false_positive_rate * totals[0, resample]:
                        reached[resample] = passed[1, resample]
        for resample in range(BLOCK):
            both = totals[0, resample] > 0 and totals[1, resample] > 0
            out[column, resample] = reached[resample] / totals[1, resample] if both else np.nan
