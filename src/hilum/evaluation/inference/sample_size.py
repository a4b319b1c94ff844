"""Sample size and replication: seeds or patients that would show a difference, and the probability of a replication.

All follow from the variance components of a difference (`SeedTest`): variance between seeds falls with the number of
seeds, variance from the test set with the number of patients.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.stats import t

from hilum.evaluation.inference.obuchowski_rockette import SeedTest

MOST_SEEDS = 1000
"""Largest number of seeds considered."""

MOST_TIMES_PATIENTS = 1000.0


def replication_probability(test: SeedTest, *, significance: float = 0.05) -> float:
    """Compute the probability that as many new seeds of both arms show the difference again, with the same sign.

    The test patients are the same. Given a difference D, the difference of new seeds is distributed around D with
    sqrt(2) times the seeds' part of the standard error, as t with the degrees of freedom between seeds (predictive
    distribution under a flat prior). A difference that is just significant is shown again with probability one half.

    Returns:
        0 to 1.
    """
    needed = test.reach(significance) - abs(test.difference)
    spread = float(np.sqrt(2 * test.from_seeds))
    if spread == 0:
        return float(needed <= 0)
    return float(t.sf(needed / spread, test.df_seeds))


def with_sample_size(test: SeedTest, *, seeds: int | None = None, times_patients: float = 1.0) -> SeedTest:
    """Return the same comparison with other numbers of seeds (of each arm with several) and patients."""
    several = [number for number in test.seeds if number > 0]
    number = seeds or min(several)
    share = len(several) / number if seeds else test.share
    df_seeds = (number - 1) * (1 if test.design == "factorial" else len(several)) if seeds else test.df_seeds
    one_seed = test.between_seeds + test.within_seeds / times_patients
    return replace(
        test,
        within_seeds=test.within_seeds / times_patients,
        between_patients=test.between_patients / times_patients,
        seeds=(number if test.seeds[0] else 0, number if test.seeds[1] else 0) if seeds else test.seeds,
        share=share,
        from_seeds=one_seed * share,
        df_seeds=df_seeds,
        df_patients=test.df_patients * times_patients,
    )


def seeds_to_show(test: SeedTest, difference: float, *, power: float = 0.8, significance: float = 0.05) -> int | None:
    """Compute the seeds of each arm that detect a true difference with this power on the same test patients.

    Args:
        test: Variance components.
        difference: True difference, not 0, of either sign.
        power: Statistical power, 0 to 1.
        significance: Two-sided significance level.

    Returns:
        2 or more; None where 1,000 seeds do not suffice, because the test patients are too few.
    """

    def shows(seeds: int) -> bool:
        return with_sample_size(test, seeds=seeds).detectable(power=power, significance=significance) <= abs(difference)

    if not shows(MOST_SEEDS):
        return None
    return int(_smallest(lambda seeds: shows(round(seeds)), 2, MOST_SEEDS))


def times_patients_to_show(
    test: SeedTest, difference: float, *, power: float = 0.8, significance: float = 0.05
) -> float | None:
    """Compute the factor of test patients that detects a true difference with this power and the same seeds.

    Returns:
        1 or more, rounded up to a tenth; None where 1,000 times as many do not suffice, because seeds differ too much.
    """

    def shows(tenths: float) -> bool:
        times = with_sample_size(test, times_patients=tenths / 10)
        return times.detectable(power=power, significance=significance) <= abs(difference)

    if not shows(10 * MOST_TIMES_PATIENTS):
        return None
    return _smallest(shows, 10, round(10 * MOST_TIMES_PATIENTS)) / 10


def _smallest(shows: Callable[[int], bool], low: int, high: int) -> int:
    """Return the smallest whole number that shows it; all larger ones do as well."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if shows(middle) else (middle + 1, high)
    return low
