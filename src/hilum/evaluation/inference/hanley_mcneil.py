"""How far an AUROC strays, from the numbers of cases alone: for planning, and for intervals with few patients."""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq


def auroc_variance(
    auroc: float | NDArray[np.float64], positives: float, negatives: float
) -> float | NDArray[np.float64]:
    """Variance of an AUROC (Hanley & McNeil, Radiology 143:29-36, 1982, equations 1 and 2).

    Under exponential scores: the chance that one negative is below two positives is A / (2 - A), that two negatives are
    below one positive 2 A² / (1 + A).

    Args:
        auroc: the true one, 0 to 1.
        positives, negatives: independent cases, at least 1 each; need not be whole.
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
    """Interval of an AUROC that also works with a handful of cases, and where they are perfectly separated.

    Newcombe, Statistics in Medicine 25:559-573 (2006), method 5: all true values from which the observed one is no
    further than z standard errors, with the variance of Hanley & McNeil at the true value and both (m - 1) and (n - 1)
    of it replaced by (m + n) / 2 - 1.

    Args:
        auroc: the observed one, 0 to 1.
        positives, negatives: independent cases.
        level: coverage, 0 to 1.

    Returns:
        Lower and upper end, within 0 and 1.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    others = (positives + negatives) / 2 - 1

    def standard_error(true: float) -> float:
        weight = 1 + others * ((1 - true) / (2 - true) + true / (1 + true))
        return float(np.sqrt(true * (1 - true) * weight / (positives * negatives)))

    # The true value 0 or 1 itself has no standard error, and would be taken for the end of a perfect AUROC's interval.
    below, above = min(auroc, 1 - 1e-12), max(auroc, 1e-12)
    low = 0.0 if auroc <= 0 else brentq(lambda true: auroc - true - z * standard_error(true), 0.0, below)
    high = 1.0 if auroc >= 1 else brentq(lambda true: true - auroc - z * standard_error(true), above, 1.0)
    return float(low), float(high)
