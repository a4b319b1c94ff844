"""Columns of scores in descending order, and statistics that read them from the highest score down.

Average precision, partial AUROC and sensitivity at a specificity need the curve itself: its thresholds from the highest
down, and all images with equal scores (a tie) at once.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.bootstrap import BLOCK, Counts, Statistic, available_threads, compiled
from hilum.evaluation.metrics.roc_auc import Columns


@dataclass(frozen=True)
class DescendingScores:
    """Images with a known label, from the highest score to the lowest; several columns are concatenated.

    Attributes:
        patients: (V,) int32, patient of each image.
        positive: (V,) bool.
        last_of_tie: (V,) bool, True where the next image has a lower score.
    """

    patients: NDArray[np.int32]
    positive: NDArray[np.bool_]
    last_of_tie: NDArray[np.bool_]


def sort_descending(
    labels: NDArray[np.floating], scores: NDArray[np.floating], patients: NDArray[np.int32]
) -> DescendingScores:
    """Sort the images of one finding by descending score; exclude images with an unknown label.

    Args:
        labels: (N,), 1, 0, or NaN (unknown).
        scores: (N,), no NaN.
        patients: (N,), 0 to P - 1.
    """
    known = np.flatnonzero(~np.isnan(labels))
    order = known[np.argsort(-scores[known], kind="stable")]
    score = scores[order]
    last = np.ones(len(order), dtype=np.bool_)
    last[:-1] = score[:-1] != score[1:]
    return DescendingScores(patients[order].astype(np.int32), labels[order] == 1, last)


def descending_statistic(
    columns: Columns,
    patients: NDArray[np.int32],
    kernel: Callable[..., None],
    *settings: float,
    threads: int | None = None,
) -> Statistic:
    """Sort each column once; the statistic then runs a compiled kernel on any resamples of patients.

    Args:
        columns: K pairs of labels (1, 0, NaN unknown) and scores, of N images each.
        patients: (N,), patient of each image.
        kernel: Compiled function of `DescendingScores.patients`, `.positive`, `.last_of_tie`, bounds (K + 1,) of the
            columns in them, counts (P, 64) of each patient in 64 resamples, `settings`, and the output (K, 64).
        settings: Further arguments of the kernel.
        threads: Threads that sort; None for all available ones.
    """
    with ThreadPoolExecutor(threads or available_threads()) as pool:
        each = list(pool.map(lambda column: sort_descending(column[0], column[1], patients), columns))
    ordered = DescendingScores(
        np.concatenate([one.patients for one in each]),
        np.concatenate([one.positive for one in each]),
        np.concatenate([one.last_of_tie for one in each]),
    )
    bounds = np.cumsum([0, *(len(one.patients) for one in each)])

    def statistic(counts: Counts) -> NDArray[np.float64]:
        out = np.empty((len(columns), BLOCK))
        kernel(ordered.patients, ordered.positive, ordered.last_of_tie, bounds, counts, *settings, out)
        return out

    return statistic


@compiled
def count_labels(
    patients: NDArray[np.int32],
    positive: NDArray[np.bool_],
    first: int,
    end: int,
    counts: Counts,
    totals: NDArray[np.int64],
) -> None:
    """Count the negative and the positive images of one column in 64 resamples.

    Args:
        patients, positive: As in `DescendingScores`.
        first, end: Bounds of the column.
        counts: (P, 64), count of each patient.
        totals: (2, 64), filled: negatives, then positives.
    """
    totals[:] = 0
    for place in range(first, end):
        count = counts[patients[place]]
        kind = 1 if positive[place] else 0
        for resample in range(BLOCK):
            totals[kind, resample] += count[resample]
