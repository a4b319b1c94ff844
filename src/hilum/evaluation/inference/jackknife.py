"""Patient-level jackknife: a confidence interval of any statistic, for few patients."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t


def cluster_jackknife(
    statistic: Callable[[NDArray[np.bool_]], float], patients: NDArray[np.int32], *, level: float = 0.95
) -> tuple[float, float, float, float]:
    """Compute a statistic with its leave-one-patient-out jackknife interval.

    The standard error is that of the pseudovalues P x - (P - 1) x(-p) (Tukey, Annals of Mathematical Statistics 29:614,
    1958); the interval uses t with P - 1 degrees of freedom.

    Args:
        statistic: Function of the included images, (N,) bool.
        patients: (N,), 0 to P - 1, each with an image; P at least 2.
        level: Confidence level, 0 to 1.

    Returns:
        Estimate, standard error, lower and upper end of the interval (around the estimate); NaN where the statistic is
        undefined without a patient.
    """
    units = int(patients.max()) + 1
    whole = statistic(np.ones(len(patients), dtype=np.bool_))
    without = np.array([statistic(patients != patient) for patient in range(units)])
    error = float(np.sqrt((units - 1) / units * np.sum((without - without.mean()) ** 2)))
    reach = float(t.isf((1 - level) / 2, units - 1)) * error
    return whole, error, whole - reach, whole + reach
