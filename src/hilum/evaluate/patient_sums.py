"""Sums over images in every redraw of patients: what is a sum over a patient's images is redrawn by one product.

Counts of true and false positives at a fixed threshold, squared errors, cells of a confusion matrix: a redraw only
changes how often each patient's share is added.
"""

import numpy as np
from numpy.typing import NDArray

from hilum.evaluate.resampling import Counts, Statistic


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

    def statistic(counts: Counts) -> NDArray[np.float64]:
        return shares @ counts.astype(np.float64)

    return statistic
