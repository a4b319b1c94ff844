"""What would settle a comparison: how likely a repeat shows it again, how many more seeds or patients would show it.

All from the parts that the variance of a difference has (`SeedTest`): what seeds differ by is the same for one seed and
falls with their number, the noise of the test set falls with patients.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.stats import norm, t

from hilum.evaluation.inference.obuchowski_rockette import SeedTest

MOST_SEEDS = 1000
"""No one trains more; where these are not enough, more seeds do not settle it."""

MOST_TIMES_PATIENTS = 1000.0


def replication_probability(test: SeedTest, *, significance: float = 0.05) -> float:
    """Chance that as many new seeds of both arms, on the same test patients, show the same sign at the same level.

    Given a difference D, that of new seeds is spread around D by what seeds make of both, sqrt(2) times their part of
    the standard error, by t with the degrees of freedom of the spread between seeds (a predictive distribution, flat
    prior). A difference that is just shown is shown again in half of the repeats.

    Returns:
        0 to 1.
    """
    needed = test.reach(significance) - abs(test.difference)
    spread = float(np.sqrt(2 * test.from_seeds))
    if spread == 0:
        return float(needed <= 0)
    return float(t.sf(needed / spread, test.df_seeds))


def with_sample_size(test: SeedTest, *, seeds: int | None = None, times_patients: float = 1.0) -> SeedTest:
    """The same comparison with other numbers of seeds (of each arm that has several) and patients."""
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
    """Seeds of each arm with which a true difference is shown with this power on the same test patients.

    Args:
        test: what is known of the variances.
        difference: above 0 in size; the sign does not matter.
        power: chance of showing it, 0 to 1.
        significance: two-sided level.

    Returns:
        2 or more; None where not even 1,000 seeds show it, because the test patients are too few.
    """

    def shows(seeds: int) -> bool:
        return with_sample_size(test, seeds=seeds).detectable(power=power, significance=significance) <= abs(difference)

    if not shows(MOST_SEEDS):
        return None
    return int(_smallest(lambda seeds: shows(round(seeds)), 2, MOST_SEEDS))


def times_patients_to_show(
    test: SeedTest, difference: float, *, power: float = 0.8, significance: float = 0.05
) -> float | None:
    """How many times as many test patients show a true difference with this power, the seeds as they are.

    Returns:
        1 or more, rounded up to a tenth; None where not even 1,000 times as many do, because seeds differ too much.
    """

    def shows(tenths: float) -> bool:
        times = with_sample_size(test, times_patients=tenths / 10)
        return times.detectable(power=power, significance=significance) <= abs(difference)

    if not shows(10 * MOST_TIMES_PATIENTS):
        return None
    return _smallest(shows, 10, round(10 * MOST_TIMES_PATIENTS)) / 10


def chance_to_show(test: SeedTest, difference: float, *, significance: float = 0.05) -> float:
    """Power: chance that such a test shows a true difference, either sign; by the normal distribution of estimates."""
    if test.variance == 0:
        return float(difference != 0)
    reach, error = test.reach(significance), test.standard_error
    return float(norm.sf((reach - abs(difference)) / error) + norm.cdf((-reach - abs(difference)) / error))


def _smallest(shows: Callable[[int], bool], low: int, high: int) -> int:
    """The smallest whole number that shows it; larger ones do, too."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if shows(middle) else (middle + 1, high)
    return low
