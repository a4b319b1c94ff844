"""Columns of scores in descending order, for statistics that read them from the highest score down.

Average precision, partial AUROC and sensitivity at a specificity need the curve itself: its thresholds from the highest
down, and all images with equal scores (a tie) at once.
"""

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.bootstrap import BLOCK, Counts, compiled


def sort_descending(
    labels: NDArray[np.floating], scores: NDArray[np.floating], patients: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Sort the images of one finding from the highest score to the lowest; exclude images with an unknown label.

    Args:
        labels: (N,), 1, 0, or NaN (unknown).
        scores: (N,), no NaN.
        patients: (N,), 0 to P - 1.

    Returns:
        patients: (V,), patient of each image.
        positive: (V,).
        last_of_tie: (V,), True where the next image has a lower score.
    """
    known = np.flatnonzero(~np.isnan(labels))
    order = known[np.argsort(-scores[known], kind="stable")]
    score = scores[order]
    last = np.ones(len(order), dtype=np.bool_)
    last[:-1] = score[:-1] != score[1:]
    return patients[order].astype(np.int32), labels[order] == 1, last


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
        patients, positive: As of `sort_descending`.
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
