"""Average precision, the area under the precision-recall curve, and its bootstrap.

Average precision is the mean over positives of the precision at their score. Images with equal scores are one
threshold: all positives of the tie gain recall at the precision that holds once the whole tie is called positive.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.evaluation.bootstrap import BLOCK, Columns, Counts, Statistic, compiled, sorted_statistic
from hilum.evaluation.metrics.descending import sort_descending
from hilum.evaluation.metrics.roc_auc import split_by_label


def auprc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Compute average precision of one finding: the sum over thresholds of recall gained times precision.

    No interpolation between thresholds, which would be too optimistic (Davis & Goadrich, ICML 2006, §4). The value at
    chance is the fraction of positives, so report the number of positives beside it.

    Args:
        labels: (N,), 1 positive, 0 negative, NaN unknown (excluded).
        scores: (N,), any order-preserving scale.

    Returns:
        Above 0, at most 1; NaN without positives or without negatives.
    """
    positive, score = split_by_label(labels, scores)
    if positive.all() or not positive.any():
        return float("nan")
    true, false = cumulative_calls(positive, score)
    precision = true / (true + false)
    return float(np.sum(np.diff(true, prepend=0) * precision) / true[-1])


def cumulative_calls(
    positive: NDArray[np.bool_], score: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count true and false positives at every threshold, in descending order; scores at a threshold are positive.

    Args:
        positive: (N,).
        score: (N,).

    Returns:
        Two arrays (T,), one entry for each distinct score from the highest down.
    """
    _, place = np.unique(-score, return_inverse=True)
    true = np.cumsum(np.bincount(place, weights=positive)).astype(np.int64)
    called = np.cumsum(np.bincount(place)).astype(np.int64)
    return true, called - true


def auprc_statistic(columns: Columns, patients: NDArray[np.int32], *, threads: int | None = None) -> Statistic:
    """Prepare average precision of K columns for any resamples of patients; see `sorted_statistic`."""
    return sorted_statistic(columns, patients, sort_descending, weighted_auprc, threads=threads)


@compiled
def weighted_auprc(
    patients: NDArray[np.int32],
    positive: NDArray[np.bool_],
    last_of_tie: NDArray[np.bool_],
    bounds: NDArray[np.int64],
    counts: Counts,
    out: NDArray[np.float64],
) -> None:
    """Compute average precision of K sorted columns in 64 resamples; NaN without a positive or without a negative.

    Args: see `hilum.evaluation.bootstrap.sorted_statistic`.
    """
    true = np.empty(BLOCK, dtype=np.int32)
    false = np.empty(BLOCK, dtype=np.int32)
    gained = np.empty(BLOCK, dtype=np.int32)
    area = np.empty(BLOCK, dtype=np.float64)
    for column in range(len(bounds) - 1):
        true[:] = 0
        false[:] = 0
        gained[:] = 0
        area[:] = 0.0
        positives_in_tie = False
        for place in range(bounds[column], bounds[column + 1]):
            count = counts[patients[place]]
            if positive[place]:
                positives_in_tie = True
                for resample in range(BLOCK):
                    gained[resample] += count[resample]
            else:
                for resample in range(BLOCK):
                    false[resample] += count[resample]
            if last_of_tie[place] and positives_in_tie:
                positives_in_tie = False
                for resample in range(BLOCK):
                    true[resample] += gained[resample]
                    called = max(true[resample] + false[resample], 1)
                    area[resample] += gained[resample] * (np.float64(true[resample]) / np.float64(called))
                    gained[resample] = 0
        for resample in range(BLOCK):
            defined = true[resample] > 0 and false[resample] > 0
            out[column, resample] = area[resample] / true[resample] if defined else np.nan
