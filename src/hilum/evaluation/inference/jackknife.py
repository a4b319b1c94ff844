"""The jackknife over patients: any number with an interval, where patients are few and resamples would repeat them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t


def cluster_jackknife(
    statistic: Callable[[NDArray[np.bool_]], float], patients: NDArray[np.int32], *, level: float = 0.95
) -> tuple[float, float, float, float]:
    """Any number with the interval that leaving out each patient gives; for few patients.

    Pseudovalues P x - (P - 1) x(-p) are averaged and their standard error taken (Tukey, Annals of Mathematical
    Statistics 29:614, 1958), with t of P - 1 degrees of freedom.

    Args:
        statistic: of the images that are kept, (N,) True or False.
        patients: (N,), 0 to P - 1, each with an image; P at least 2.
        level: coverage, 0 to 1.

    Returns:
        The number itself, its standard error, lower and upper end (around the number itself); NaN where leaving out a
        patient leaves nothing to compute.
    """
    units = int(patients.max()) + 1
    whole = statistic(np.ones(len(patients), dtype=np.bool_))
    without = np.array([statistic(patients != patient) for patient in range(units)])
    error = float(np.sqrt((units - 1) / units * np.sum((without - without.mean()) ** 2)))
    reach = float(t.isf((1 - level) / 2, units - 1)) * error
    return whole, error, whole - reach, whole + reach
