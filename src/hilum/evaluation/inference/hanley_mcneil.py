"""Variance of an AUROC from class counts (Hanley & McNeil 1982), for sample-size planning and few patients."""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq


def auroc_variance(
    auroc: float | NDArray[np.float64], positives: float, negatives: float
) -> float | NDArray[np.float64]:
    """Compute the variance of an AUROC (Hanley & McNeil, Radiology 143:29-36, 1982, equations 1 and 2).

    Under exponential scores one negative is below two positives with probability A / (2 - A), and two negatives below
    one positive with 2 A² / (1 + A).

    Args:
        auroc: True AUROC, 0 to 1.
        positives, negatives: Numbers of independent cases, at least 1 each; not necessarily whole.
    """
    two_positives = auroc / (2 - auroc)
    two_negatives = 2 * auroc**2 / (1 + auroc)
    spread = (
        auroc * (1 - auroc)
        + (positives - 1) * (two_positives - auroc**2)
        + (negatives - 1) * (two_negatives - auroc**2)
    )
    return spread / (positives * negatives)


def score_interval(auroc: float, positives: float, negatives: float, *, level: float = 0.95) -> tuple[float, float]:
    """Compute Newcombe's score interval of an AUROC, valid with few cases and for perfect separation.

    Newcombe, Statistics in Medicine 25:559-573 (2006), method 5: all true values at most z standard errors from the
    observed one, with the variance of Hanley & McNeil at the true value, where (m - 1) and (n - 1) are replaced by
    (m + n) / 2 - 1.

    Args:
        auroc: Observed AUROC, 0 to 1.
        positives, negatives: Numbers of independent cases.
        level: Confidence level, 0 to 1.

    Returns:
        Lower and upper end, within 0 and 1.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    others = (positives + negatives) / 2 - 1

    def standard_error(true: float) -> float:
        weight = 1 + others * ((1 - true) / (2 - true) + true / (1 + true))
        return float(np.sqrt(true * (1 - true) * weight / (positives * negatives)))

    # A true value of 0 or 1 has no standard error and would be the end of the interval of a perfect AUROC.
    below, above = min(auroc, 1 - 1e-12), max(auroc, 1e-12)
    low = 0.0 if auroc <= 0 else brentq(lambda true: auroc - true - z * standard_error(true), 0.0, below)
    high = 1.0 if auroc >= 1 else brentq(lambda true: true - auroc - z * standard_error(true), above, 1.0)
    return float(low), float(high)
