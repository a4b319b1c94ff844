"""Sums over images in every redraw of patients: a redraw only changes how often each patient's share is added.

Counts of true and false positives at a fixed threshold, squared errors, cells of a confusion matrix are such sums.
"""

import numpy as np
from numpy.typing import NDArray

from hilum.evaluate.compiled import compiled
from hilum.evaluate.resampling import BLOCK, Counts, Statistic


def by_patient(values: NDArray[np.floating], patients: NDArray[np.int32], units: int) -> NDArray[np.float64]:
    """Add up each column over each patient's images.

    Args:
        values: (N, K).
        patients: (N,), 0 to P - 1.
        units: P.

    Returns:
        (K, P).
    """
    return np.stack([np.bincount(patients, weights=column, minlength=units) for column in values.T])


def sums_statistic(shares: NDArray[np.float64]) -> Statistic:
    """The K sums over patients, in any redraws of them.

    Args:
        shares: (K, P), each patient's share of each sum. Whole numbers give exact sums.
    """
    rows, columns = np.nonzero(shares)
    bounds = np.searchsorted(rows, np.arange(len(shares) + 1))
    values, patients = shares[rows, columns], columns.astype(np.int32)

    def statistic(counts: Counts) -> NDArray[np.float64]:
        out = np.zeros((len(shares), BLOCK))
        weighted_sums(patients, values, bounds, counts, out)
        return out

    return statistic


@compiled
def weighted_sums(
    patients: NDArray[np.int32],
    values: NDArray[np.float64],
    bounds: NDArray[np.int64],
    counts: Counts,
    out: NDArray[np.float64],
) -> None:
    """K sums in 64 redraws, each in the order of patients whatever runs beside it.

    Args:
        patients: whose share it is; of patients without a share there is none.
        values: the share.
        bounds: (K + 1,), where each sum begins and ends.
        counts: (P, 64), how often each patient counts.
        out: (K, 64), filled; zeros before.
    """
    for row in range(len(bounds) - 1):
        for at in range(bounds[row], bounds[row + 1]):
            count = counts[patients[at]]
            value = values[at]
            for redraw in range(BLOCK):
                out[row, redraw] += value * count[redraw]
