import numpy as np
import pytest
from scipy import stats

from hilum.evaluation.inference import (
    SeedTest,
    replication_probability,
    seeds_to_show,
    times_patients_to_show,
    with_sample_size,
)


def comparison(difference, *, seeds=5, between=2e-4, within=1e-4, patients=1e-4, df_patients=200.0):
    share = 2 / seeds
    one = between + within
    return SeedTest(
        difference, between, within, patients, (seeds, seeds), share, one * share, 2 * (seeds - 1), df_patients
    )


def test_what_is_just_shown_is_shown_again_in_half_of_the_repeats():
    test = comparison(0.0)
    just = comparison(test.reach())
    assert replication_probability(just) == pytest.approx(0.5)
    assert replication_probability(comparison(10 * test.reach())) > 0.99


def test_the_chance_of_a_repeat_is_how_often_new_seeds_show_it():
    """Many trainings: first comparisons near one value, and how often a second one on the same patients shows it."""
    rng = np.random.default_rng(0)
    seeds, sd, fixed = 5, 0.02, 0.0
    first = rng.normal(0, sd, size=(200_000, 2, seeds))
    truth = rng.uniform(-0.3, 0.3, size=(200_000, 1))  # flat: what the predictive distribution presumes
    d = [truth[:, 0] + part for part in (_difference(first), _difference(rng.normal(0, sd, size=first.shape)))]
    ms = first.var(axis=2, ddof=1).mean(axis=1)
    again = rng.normal(0, sd, size=first.shape).var(axis=2, ddof=1).mean(axis=1)
    near = (d[0] > 0.03) & (d[0] < 0.035)
    reach = stats.t.isf(0.025, 2 * (seeds - 1)) * np.sqrt(2 * again / seeds)
    shown = (d[1] > reach)[near].mean()
    message = np.mean(
        [
            replication_probability(comparison(x, seeds=seeds, between=v, within=0.0, patients=fixed))
            for x, v in zip(d[0][near][:2000], ms[near][:2000], strict=True)
        ]
    )
    assert message == pytest.approx(shown, abs=0.05)


def _difference(runs):
    return runs[:, 0].mean(axis=1) - runs[:, 1].mean(axis=1)


def test_so_many_seeds_show_it_and_one_fewer_do_not():
    test = comparison(0.03)
    seeds = seeds_to_show(test, 0.03)
    assert (
        with_sample_size(test, seeds=seeds).detectable() <= 0.03 < with_sample_size(test, seeds=seeds - 1).detectable()
    )
    # with many seeds: d^2 = 2.8016^2 (2 s^2 / S + C)
    many = seeds_to_show(comparison(0.03, patients=0.0, df_patients=np.inf), 0.005)
    assert many == pytest.approx(2.8016**2 * 2 * 3e-4 / 0.005**2, rel=0.02)


def test_so_many_seeds_show_it_in_80_percent_of_simulated_studies():
    rng = np.random.default_rng(2)
    test, truth = comparison(0.03), 0.03
    seeds = seeds_to_show(test, truth)
    trials = 4000
    runs = rng.normal(0, np.sqrt(3e-4), size=(trials, 2, seeds))
    d = truth + _difference(runs) + rng.normal(0, 0.01, size=trials)
    ms = runs.var(axis=2, ddof=1).mean(axis=1) * 2 / seeds
    total = ms + 1e-4
    df = total**2 / (ms**2 / (2 * (seeds - 1)) + 1e-8 / 200)
    assert np.mean(d > stats.t.isf(0.025, df) * np.sqrt(total)) == pytest.approx(0.8, abs=0.04)


def test_where_the_patients_are_too_few_no_number_of_seeds_shows_it():
    assert seeds_to_show(comparison(0.01), 0.01) is None
    assert (
        times_patients_to_show(comparison(0.005), 0.005) is None
    )  # and where seeds differ too much no number of patients


def test_more_patients_show_it():
    test = comparison(0.03, between=1e-5, within=1e-5, patients=4e-4)
    times = times_patients_to_show(test, 0.03)
    assert with_sample_size(test, times_patients=times).detectable() <= 0.03
    assert with_sample_size(test, times_patients=times - 0.1).detectable() > 0.03


def test_an_imagined_test_with_the_same_numbers_is_the_same_test():
    test = comparison(0.02)
    same = with_sample_size(test, seeds=5)
    assert (same.variance, same.df, same.share) == pytest.approx((test.variance, test.df, test.share))
