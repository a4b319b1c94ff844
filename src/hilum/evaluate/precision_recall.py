"""Area under the precision-recall curve as average precision: the mean precision at which each positive is found."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.evaluate.auroc import known_sides


def auprc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Average precision of one finding: the sum over thresholds of the recall gained times the precision there.

    No interpolation between thresholds, which would be too optimistic (Davis & Goadrich, ICML 2006, §4). Its value by
    chance is the share of positives, so it says little without `positives` beside it.

    Args:
        labels: (N,), 1 positive, 0 negative, NaN unknown (left out).
        scores: (N,), any order-preserving scale.

    Returns:
        Above 0, at most 1; NaN without positives or without negatives.
    """
    positive, score = known_sides(labels, scores)
    if positive.all() or not positive.any():
        return float("nan")
    true, false = cumulative_calls(positive, score)
    precision = true / (true + false)
    return float(np.sum(np.diff(true, prepend=0) * precision) / true[-1])


def cumulative_calls(
    positive: NDArray[np.bool_], score: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """True and false positives when every score at or above a threshold is called positive, thresholds falling.

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
