"""Area under the precision-recall curve as average precision: the mean precision at which each positive is found.

Average precision in every resample of patients: sorted once, then one pass from the highest score down.

A tie is one threshold: its positives gain recall at the precision that holds once all of the tie is called positive.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.evaluation.bootstrap import BLOCK, Counts, Statistic, available_threads, compiled
from hilum.evaluation.metrics.roc_auc import split_by_label


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
    positive, score = split_by_label(labels, scores)
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


@dataclass(frozen=True)
class DescendingScores:
    """The order in which one column of scores is passed through, highest first.

    Attributes:
        patients: (V,) int32, whose image it is.
        positive: (V,) bool.
        last_of_tie: (V,) bool, whether the next image scores lower.
    """

    patients: NDArray[np.int32]
    positive: NDArray[np.bool_]
    last_of_tie: NDArray[np.bool_]


def descent(
    labels: NDArray[np.floating], scores: NDArray[np.floating], patients: NDArray[np.int32]
) -> DescendingScores:
    """Sort the images of one finding by falling score; images with an unknown label are not visited.

    Args:
        labels: (N,), 1, 0, or NaN.
        scores: (N,), no NaN.
        patients: (N,), 0 to P - 1.
    """
    known = np.flatnonzero(~np.isnan(labels))
    order = known[np.argsort(-scores[known], kind="stable")]
    score = scores[order]
    last = np.ones(len(order), dtype=np.bool_)
    last[:-1] = score[:-1] != score[1:]
    return DescendingScores(patients[order].astype(np.int32), labels[order] == 1, last)


def descents(
    columns: Sequence[tuple[NDArray[np.floating], NDArray[np.floating]]],
    patients: NDArray[np.int32],
    threads: int | None,
) -> tuple[DescendingScores, NDArray[np.int64]]:
    """All columns' descents, one after another, and where each begins and ends, (K + 1,)."""
    with ThreadPoolExecutor(threads or available_threads()) as pool:
        each = list(pool.map(lambda column: descent(column[0], column[1], patients), columns))
    joined = DescendingScores(
        np.concatenate([one.patients for one in each]),
        np.concatenate([one.positive for one in each]),
        np.concatenate([one.last_of_tie for one in each]),
    )
    return joined, np.cumsum([0, *(len(one.patients) for one in each)])


@compiled
def count_sides(
    patients: NDArray[np.int32],
    positive: NDArray[np.bool_],
    first: int,
    end: int,
    counts: Counts,
    totals: NDArray[np.int64],
) -> None:
    """Count the negative and the positive images of one column in 64 resamples.

    Args:
        patients, positive: of the columns' `DescendingScores` objects, one column after another.
        first, end: where the column begins and ends.
        counts: (P, 64), how often each patient counts.
        totals: (2, 64), filled: negatives, then positives.
    """
    totals[:] = 0
    for visit in range(first, end):
        count = counts[patients[visit]]
        kind = 1 if positive[visit] else 0
        for resample in range(BLOCK):
            totals[kind, resample] += count[resample]


def auprc_statistic(
    columns: Sequence[tuple[NDArray[np.floating], NDArray[np.floating]]],
    patients: NDArray[np.int32],
    *,
    threads: int | None = None,
) -> Statistic:
    """Sort each column of scores once; then their average precisions in any resamples of patients.

    Args:
        columns: K pairs of labels (1, 0, NaN unknown) and scores, of N images each.
        patients: (N,), whose image it is.
        threads: that sort; None for as many as this process may use.
    """
    visited, bounds = descents(columns, patients, threads)

    def statistic(counts: Counts) -> NDArray[np.float64]:
        out = np.empty((len(columns), BLOCK))
        weighted_auprc(visited.patients, visited.positive, visited.last_of_tie, bounds, counts, out)
        return out

    return statistic


@compiled
def weighted_auprc(
    patients: NDArray[np.int32],
    positive: NDArray[np.bool_],
    last_of_tie: NDArray[np.bool_],
    bounds: NDArray[np.int64],
    counts: Counts,
    out: NDArray[np.float64],
) -> None:
    """Average precision of K sorted columns in 64 resamples; NaN without a positive or without a negative.

    Args:
        patients, positive, last_of_tie: of the columns' `DescendingScores` objects, one column after another.
        bounds: (K + 1,), where each column begins and ends.
        counts: (P, 64), how often each patient counts.
        out: (K, 64), filled.
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
        for visit in range(bounds[column], bounds[column + 1]):
            count = counts[patients[visit]]
            if positive[visit]:
                positives_in_tie = True
                for resample in range(BLOCK):
                    gained[resample] += count[resample]
            else:
                for resample in range(BLOCK):
                    false[resample] += count[resample]
            if last_of_tie[visit] and positives_in_tie:
                positives_in_tie = False
                for resample in range(BLOCK):
                    true[resample] += gained[resample]
                    called = max(true[resample] + false[resample], 1)
                    area[resample] += gained[resample] * (np.float64(true[resample]) / np.float64(called))
                    gained[resample] = 0
        for resample in range(BLOCK):
            defined = true[resample] > 0 and false[resample] > 0
            out[column, resample] = area[resample] / true[resample] if defined else np.nan
