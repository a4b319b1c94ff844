"""What resamples say about a number: its interval, its p-value, and how small a difference could have been shown.

AUROC with few positive or few negative patients, where resamples alone claim too much.
"""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from hilum.evaluation.inference.hanley_mcneil import score_interval
from hilum.evaluation.predictions import Cases
from hilum.notes import Code, Note, note


def percentile_interval(
    resampled: NDArray[np.float64], *, level: float = 0.95, patients: float | None = None
) -> tuple[float, float]:
    """Percentile interval (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, §13.3), expanded if asked.

    Resamples of n patients vary by a factor of sqrt((n - 1) / n) too little, and their tails are those of a normal
    distribution where t is right. The expanded interval takes percentiles further out to make up for both (Hesterberg,
    The American Statistician 69:371-386, 2015, §4.3).

    Args:
        resampled: (B,), the number in each resample; NaN (undefined there) is left out.
        level: coverage, 0 to 1.
        patients: n, on the side that has fewer; need not be whole. None for the plain interval.

    Returns:
        Lower and upper end, by linear interpolation between order statistics: quantile q of b values is at place
        q (b - 1) of the sorted values, counted from 0. (NaN, NaN) with fewer than
        two defined resamples, or fewer than two patients.
    """
    ordered = np.sort(resampled[np.isfinite(resampled)])
    if len(ordered) < 2 or (patients is not None and patients < 2):
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    if patients is not None:
        tail = float(norm.sf(t.isf(tail, patients - 1) * np.sqrt(patients / (patients - 1))))
    low, high = np.interp([tail * (len(ordered) - 1), (1 - tail) * (len(ordered) - 1)], range(len(ordered)), ordered)
    return float(low), float(high)


def two_sided_p(resampled_difference: NDArray[np.float64], *, patients: float | None = None) -> float:
    """Two-sided p-value of "no difference", by inverting the percentile interval.

    p = 2 min(k + 1) / (B + 1), k the resamples at or beyond zero on one side (Davison & Hinkley, Bootstrap Methods and
    their Application, 1997, §4.2, for the + 1). It is never 0, and 1 at most.

    Args:
        resampled_difference: (B,), the paired difference in each resample; NaN is left out.
        patients: as in `percentile_interval`: p of the expanded interval, which is larger.

    Returns:
        Above 0, at most 1 (without `patients` at least 2 / (B + 1)); NaN where no resample is defined, or
        with fewer than two patients.
    """
    finite = resampled_difference[np.isfinite(resampled_difference)]
    if not len(finite) or (patients is not None and patients < 2):
        return float("nan")
    beyond = min(np.count_nonzero(finite <= 0), np.count_nonzero(finite >= 0))
    p = min(1.0, 2 * (beyond + 1) / (len(finite) + 1))
    if patients is None or p == 1:
        return p
    return float(2 * t.sf(norm.isf(p / 2) * np.sqrt((patients - 1) / patients), patients - 1))


def effective_n_patients(counts: NDArray[np.integer]) -> float:
    """How many patients a mean over findings rests on, where one finding rests on `counts` patients.

    Satterthwaite's degrees of freedom (Biometrics Bulletin 2:110-114, 1946) plus one, for variances that are inverse to
    the counts: close to the smallest count where that finding's noise prevails, up to their sum where they are alike.

    Args:
        counts: (F,), F at least 1.

    Returns:
        At least 1, which no interval can be had from: where one finding rests on one patient.
    """
    if counts.min() < 2:
        return 1.0
    variances = 1 / counts
    return float(1 + variances.sum() ** 2 / np.sum(variances**2 / (counts - 1)))


def minimum_detectable_difference(
    resampled_difference: NDArray[np.float64], *, power: float = 0.8, significance: float = 0.05
) -> float:
    """The smallest true difference that a test set like this one shows with the given power.

    (z(1 - significance / 2) + z(power)) x the standard error of the paired difference over resamples: 2.80 standard
    errors for 80 % power at the two-sided 5 % level. No adjustment for several comparisons.

    Args:
        resampled_difference: (B,), the paired difference in each resample; NaN is left out.
        power: chance of showing it, 0 to 1.
        significance: two-sided level of the test, 0 to 1.

    Returns:
        At least 0, in the unit of the difference; NaN where fewer than two resamples are defined.
    """
    finite = resampled_difference[np.isfinite(resampled_difference)]
    if len(finite) < 2:
        return float("nan")
    standard_errors = NormalDist().inv_cdf(1 - significance / 2) + NormalDist().inv_cdf(power)
    return float(standard_errors * np.std(finite, ddof=1))


def bca_interval(
    estimate: float, resampled: NDArray[np.float64], jackknife: NDArray[np.float64], *, level: float = 0.95
) -> tuple[float, float]:
    """Bias-corrected and accelerated interval (Efron, JASA 82:171-185, 1987; Efron & Tibshirani 1993, §14.3).

    Args:
        estimate: the number itself.
        resampled: (B,), the number in each resample; NaN is left out.
        jackknife: (P,), the number without each patient in turn; NaN is left out.
        level: coverage, 0 to 1.

    Returns:
        Lower and upper end. (NaN, NaN) where the resamples lie all on one side of the estimate, or hardly vary: there
        it is undefined.
    """
    finite = resampled[np.isfinite(resampled)]
    without = jackknife[np.isfinite(jackknife)]
    if len(finite) < 2 or len(without) < 2 or not np.isfinite(estimate):
        return float("nan"), float("nan")
    normal = NormalDist()
    below = (np.count_nonzero(finite < estimate) + np.count_nonzero(finite <= estimate)) / (2 * len(finite))
    influence = without.mean() - without
    spread = np.sum(influence**2)
    if not 0 < below < 1 or spread == 0:
        return float("nan"), float("nan")
    bias = normal.inv_cdf(below)
    acceleration = np.sum(influence**3) / (6 * spread**1.5)
    places = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        z = bias + normal.inv_cdf(tail)
        places.append(normal.cdf(bias + z / (1 - acceleration * z)))
    low, high = np.quantile(finite, places)
    return float(low), float(high)


def equivalence_p(resampled_difference: NDArray[np.float64], margin: float) -> tuple[float, float]:
    """One-sided p-values of "worse by the margin or more" and "better by the margin or more".

    Rejecting the first shows non-inferiority; rejecting both, that is the larger of the two, shows equivalence: two
    one-sided tests (Schuirmann, J Pharmacokin Biopharm 15:657-680, 1987). At level 0.025 each, non-inferiority is shown
    where the 95 % interval lies above -margin; at 0.05 equivalence where the 90 % interval lies inside both.

    Args:
        resampled_difference: (B,), the paired difference in each resample; NaN is left out.
        margin: above 0, in the unit of the difference.

    Returns:
        (k + 1) / (B + 1) each, with k the resamples at or beyond the margin; NaN where no resample is defined.
    """
    finite = resampled_difference[np.isfinite(resampled_difference)]
    if not len(finite):
        return float("nan"), float("nan")
    worse, better = np.count_nonzero(finite <= -margin), np.count_nonzero(finite >= margin)
    return (worse + 1) / (len(finite) + 1), (better + 1) / (len(finite) + 1)


FEW_PATIENTS = 100
"""Below this the resamples of an AUROC hold the truth less often than they say (benchmarks/coverage_simulation.py)."""


def interval_for_few_patients(
    numbers: dict[str, float | None], notes: list[Note], cases: Cases, at: int, *, seeds: int
) -> tuple[dict[str, float | None], list[Note]]:
    """Newcombe's score interval of an AUROC, with patients as the cases, where they are few.

    It knows nothing of the spread between training runs, so with several seeds it is only used to widen.

    Args:
        numbers: estimate, low, high.
        notes: their notes so far.
        cases: counts of all findings.
        at: which finding.
        seeds: how many the estimate is a mean of.

    Returns:
        Numbers and notes; both as they were from 100 positive and 100 negative patients up.
    """
    positive, negative = int(cases.positive_patients[at]), int(cases.negative_patients[at])
    estimate = numbers["estimate"]
    if min(positive, negative) >= FEW_PATIENTS or estimate is None:
        return numbers, notes
    low, high = score_interval(estimate, positive, negative)
    if seeds > 1:
        drawn = [end for end in (numbers["ci_low"], numbers["ci_high"]) if end is not None]
        low, high = min([low, *drawn]), max([high, *drawn])
    side = "positive" if positive <= negative else "negative"
    of_bootstrap = (Code.FEW_PATIENTS, Code.PERFECTLY_SEPARATED)  # no longer true of this interval
    remaining = [given for given in notes if given.code not in of_bootstrap]
    by_score = note(Code.SCORE_INTERVAL, patients=min(positive, negative), side=side)
    return {"estimate": estimate, "ci_low": low, "ci_high": high}, [*remaining, by_score]
