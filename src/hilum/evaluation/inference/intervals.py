"""Confidence intervals, p-values and minimum detectable differences from bootstrap resamples.

With few positive or negative patients the interval of an AUROC is Newcombe's score interval, since a bootstrap interval
is too narrow.
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
    """Compute the percentile interval, or the expanded percentile interval.

    Efron & Tibshirani, An Introduction to the Bootstrap, 1993, §13.3. The standard deviation of resamples of n patients
    is too small by a factor of sqrt((n - 1) / n), and their tails are normal instead of t. The expanded interval uses
    percentiles further out to correct both (Hesterberg, The American Statistician 69:371-386, 2015, §4.3).

    Args:
        resampled: (B,), the metric in each resample; NaN (undefined) is excluded.
        level: Confidence level, 0 to 1.
        patients: Number of patients n of the rarer class, not necessarily whole. None for the plain interval.

    Returns:
        Lower and upper end, by linear interpolation between order statistics: quantile q of b values is at position
        q (b - 1) of the sorted values, counted from 0. (NaN, NaN) with fewer than two defined resamples or two
        patients.
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
    """Compute the two-sided p-value of "no difference" by inverting the percentile interval.

    p = 2 min(k + 1) / (B + 1), with k the number of resamples at or beyond zero on one side (Davison & Hinkley,
    Bootstrap Methods and their Application, 1997, §4.2, for the + 1).

    Args:
        resampled_difference: (B,), the paired difference in each resample; NaN is excluded.
        patients: As in `percentile_interval`, for the p-value of the expanded interval, which is larger.

    Returns:
        Above 0, at most 1 (without `patients` at least 2 / (B + 1)); NaN without a defined resample, or with fewer than
        two patients.
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
    """Compute the effective number of patients of a mean over findings.

    Satterthwaite's degrees of freedom (Biometrics Bulletin 2:110-114, 1946) plus one, for variances inversely
    proportional to the counts: near the smallest count where the noise of that finding dominates, up to their sum for
    equal counts.

    Args:
        counts: (F,), patients of each finding, F at least 1.

    Returns:
        At least 1; exactly 1, from which no interval can be computed, where a finding has fewer than two patients.
    """
    if counts.min() < 2:
        return 1.0
    variances = 1 / counts
    return float(1 + variances.sum() ** 2 / np.sum(variances**2 / (counts - 1)))


def minimum_detectable_difference(
    resampled_difference: NDArray[np.float64], *, power: float = 0.8, significance: float = 0.05
) -> float:
    """Compute the smallest true difference that such a test set detects with the given power.

    (z(1 - significance / 2) + z(power)) x the standard error of the paired difference over resamples: 2.80 standard
    errors for 80 % power at the two-sided 5 % level. Not adjusted for multiple comparisons.

    Args:
        resampled_difference: (B,), the paired difference in each resample; NaN is excluded.
        power: Statistical power, 0 to 1.
        significance: Two-sided significance level, 0 to 1.

    Returns:
        At least 0, in the unit of the difference; NaN with fewer than two defined resamples.
    """
    finite = resampled_difference[np.isfinite(resampled_difference)]
    if len(finite) < 2:
        return float("nan")
    standard_errors = NormalDist().inv_cdf(1 - significance / 2) + NormalDist().inv_cdf(power)
    return float(standard_errors * np.std(finite, ddof=1))


def bca_interval(
    estimate: float, resampled: NDArray[np.float64], jackknife: NDArray[np.float64], *, level: float = 0.95
) -> tuple[float, float]:
    """Compute the bias-corrected and accelerated (BCa) interval.

    Efron, JASA 82:171-185 (1987); Efron & Tibshirani 1993, §14.3.

    Args:
        estimate: Point estimate.
        resampled: (B,), the metric in each resample; NaN is excluded.
        jackknife: (P,), the metric without each patient in turn; NaN is excluded.
        level: Confidence level, 0 to 1.

    Returns:
        Lower and upper end. (NaN, NaN), undefined, where all resamples are on one side of the estimate or do not vary.
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
    """Compute one-sided p-values of "worse by the margin or more" and "better by the margin or more".

    Rejecting the first shows non-inferiority; rejecting both (the larger of the two) shows equivalence by two one-sided
    tests (TOST; Schuirmann, J Pharmacokin Biopharm 15:657-680, 1987). Non-inferiority at level 0.025 is equal to a 95 %
    interval above -margin, equivalence at level 0.05 to a 90 % interval inside both margins.

    Args:
        resampled_difference: (B,), the paired difference in each resample; NaN is excluded.
        margin: Margin above 0, in the unit of the difference.

    Returns:
        (k + 1) / (B + 1) each, with k the number of resamples at or beyond the margin; NaN without a defined resample.
    """
    finite = resampled_difference[np.isfinite(resampled_difference)]
    if not len(finite):
        return float("nan"), float("nan")
    worse, better = np.count_nonzero(finite <= -margin), np.count_nonzero(finite >= margin)
    return (worse + 1) / (len(finite) + 1), (better + 1) / (len(finite) + 1)


FEW_PATIENTS = 100
"""With fewer patients bootstrap intervals of an AUROC undercover (benchmarks/coverage_simulation.py)."""


def interval_for_few_patients(
    numbers: dict[str, float | None], notes: list[Note], cases: Cases, at: int, *, seeds: int
) -> tuple[dict[str, float | None], list[Note]]:
    """Replace the interval of an AUROC by Newcombe's score interval where patients are few; patients are the cases.

    It does not include the variance between training runs, so with several seeds it can only widen the interval.

    Args:
        numbers: `estimate`, `ci_low` and `ci_high`.
        notes: Notes so far.
        cases: Counts of all findings.
        at: Index of the finding.
        seeds: Number of seeds of the estimate.

    Returns:
        Numbers and notes; both unchanged with 100 or more positive and negative patients.
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
    of_bootstrap = (Code.FEW_PATIENTS, Code.PERFECTLY_SEPARATED)  # not valid for this interval
    remaining = [given for given in notes if given.code not in of_bootstrap]
    by_score = note(Code.SCORE_INTERVAL, patients=min(positive, negative), side=side)
    return {"estimate": estimate, "ci_low": low, "ci_high": high}, [*remaining, by_score]
