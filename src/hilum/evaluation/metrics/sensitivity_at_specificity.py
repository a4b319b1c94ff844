"""Sensitivity at a fixed specificity: the threshold is the one at which the arm's own ROC curve has that specificity.

The threshold is chosen on the evaluated images and again in every resample, so that the interval includes the
uncertainty of the threshold (Pepe, The Statistical Evaluation of Medical Tests for Classification and Prediction, 2003,
§5.2.3). Arms are compared at the same specificity, not at thresholds with different specificities. For thresholds
chosen on validation images, use the metric `sensitivity` with the rule `specificity=S`.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.evaluation.bootstrap import BLOCK, Columns, Counts, Statistic, compiled, sorted_statistic
from hilum.evaluation.metrics.descending import count_labels, sort_descending
from hilum.threshold_rule import SENSITIVITY_AT_SPECIFICITY, specificity_of

__all__ = [
    "SENSITIVITY_AT_SPECIFICITY",
    "USUAL_SPECIFICITY",
    "sensitivity_at_specificity",
    "sensitivity_at_specificity_statistic",
    "specificity_of",
]

USUAL_SPECIFICITY = 0.9
"""Default specificity of studies."""


def sensitivity_at_specificity(labels: ArrayLike, scores: ArrayLike, specificity: float) -> float:
    """Compute the sensitivity at the lowest threshold that has at least this specificity.

    Args:
        labels: (N,), 1, 0 or NaN (unknown: excluded).
        scores: (N,); scores at or above a threshold are called positive.
        specificity: Above 0, below 1.

    Returns:
        0 to 1; NaN without positives or without negatives.
    """
    label, score = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    once = np.ones((len(label), BLOCK), dtype=np.uint8)
    owners = np.arange(len(label), dtype=np.int32)
    statistic = sensitivity_at_specificity_statistic([(label, score)], owners, specificity=specificity, threads=1)
    return float(statistic(once)[0, 0])


def sensitivity_at_specificity_statistic(
    columns: Columns, patients: NDArray[np.int32], *, specificity: float, threads: int | None = None
) -> Statistic:
    """Prepare sensitivities of K columns for any resamples of patients, with new thresholds in each resample."""
    rate = 1 - specificity + 1e-12
    return sorted_statistic(columns, patients, sort_descending, weighted_sensitivity, rate, threads=threads)


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
    """Compute the largest sensitivity up to a false-positive rate, of K sorted columns in 64 resamples.

    NaN without a positive or without a negative. Args: see
    `hilum.evaluation.bootstrap.sorted_statistic`; `max_false_positive_rate` is 1 - specificity.
    """
    totals = np.empty((2, BLOCK), dtype=np.int64)
    passed = np.empty((2, BLOCK), dtype=np.int64)
    reached = np.empty(BLOCK, dtype=np.int64)
    for column in range(len(bounds) - 1):
        count_labels(patients, positive, bounds[column], bounds[column + 1], counts, totals)
        passed[:] = 0
        reached[:] = 0
        for place in range(bounds[column], bounds[column + 1]):
            count = counts[patients[place]]
            kind = 1 if positive[place] else 0
            for resample in range(BLOCK):
                passed[kind, resample] += count[resample]
            if last_of_tie[place]:
                for resample in range(BLOCK):
                    if passed[0, resample] <= max_false_positive_rate * totals[0, resample]:
                        reached[resample] = passed[1, resample]
        for resample in range(BLOCK):
            both = totals[0, resample] > 0 and totals[1, resample] > 0
            out[column, resample] = reached[resample] / totals[1, resample] if both else np.nan
