from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from hilum.evaluation.inference import (
    bca_interval,
    effective_n_patients,
    equivalence_p,
    minimum_detectable_difference,
    percentile_interval,
    two_sided_p,
)
from hilum.evaluation.metrics import auroc, bootstrap_roc_auc

RESAMPLED = st.lists(st.floats(-1, 1), min_size=2, max_size=50).map(np.array)


def test_percentiles_are_places_among_the_sorted_resamples():
    assert percentile_interval(np.arange(41.0)[::-1]) == pytest.approx((1, 39))  # 40 steps: 2.5 % of them is one
    assert percentile_interval(np.array([0.0, 1.0]), level=0.5) == (0.25, 0.75)


@given(RESAMPLED, st.floats(0.5, 0.999))
def test_percentiles_equal_numpys_linear_quantiles(resampled, level):
    expected = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    assert percentile_interval(resampled, level=level) == pytest.approx(tuple(expected), abs=1e-12)


def test_undefined_resamples_are_left_out():
    resampled = np.array([0.1, np.nan, 0.2, 0.3, np.nan])
    defined = resampled[~np.isnan(resampled)]
    assert percentile_interval(resampled) == percentile_interval(defined)
    assert two_sided_p(resampled) == two_sided_p(defined) == 2 / 4
    assert minimum_detectable_difference(resampled) == minimum_detectable_difference(defined)


def test_without_resamples_nothing_is_reported():
    nothing = np.full(3, np.nan)
    assert np.isnan([*percentile_interval(nothing), two_sided_p(nothing), minimum_detectable_difference(nothing)]).all()


def test_p_is_never_zero():
    assert two_sided_p(np.full(999, 0.3)) == 2 / 1000


def test_p_is_one_where_nothing_differs():
    assert two_sided_p(np.zeros(50)) == 1


@given(RESAMPLED)
def test_p_does_not_depend_on_which_arm_comes_first(resampled):
    assert two_sided_p(resampled) == two_sided_p(-resampled)


def test_p_counts_the_resamples_beyond_zero_on_the_rarer_side():
    assert two_sided_p(np.array([-0.1] * 4 + [0.2] * 95)) == 2 * 5 / 100


def test_the_detectable_difference_is_found_in_80_of_100_trials():
    rng = np.random.default_rng(0)
    detectable = minimum_detectable_difference(rng.normal(0, 0.01, 100_000))
    assert detectable == pytest.approx(0.028, rel=0.01)
    shown = np.abs(rng.normal(detectable, 0.01, 100_000)) > stats.norm.ppf(0.975) * 0.01
    assert shown.mean() == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_bca_equals_scipys_on_the_same_resamples_of_the_same_patients(level):
    rng = np.random.default_rng(0)
    label = np.repeat(rng.random(60) < 0.3, 2).astype(float)
    score = label * 1.8 + rng.normal(size=120)
    owner = np.repeat(np.arange(60), 2)
    resampled = bootstrap_roc_auc(
        label[:, None], score[None, :, None], owner.astype(np.int32), n_bootstrap=500, seed=0
    )[0, 0]

    def statistic(patients):
        rows = np.concatenate([np.flatnonzero(owner == patient) for patient in patients])
        return auroc(label[rows], score[rows])

    given = SimpleNamespace(bootstrap_distribution=resampled)
    scipys = stats.bootstrap(
        (np.arange(60),),
        statistic,
        n_resamples=0,
        bootstrap_result=given,
        method="BCa",
        vectorized=False,
        confidence_level=level,
    ).confidence_interval
    without = np.array([statistic(np.delete(np.arange(60), patient)) for patient in range(60)])
    ours = bca_interval(auroc(label, score), resampled, without, level=level)
    assert ours == pytest.approx((scipys.low, scipys.high), abs=1e-12)
    assert ours != pytest.approx(percentile_interval(resampled, level=level), abs=1e-4)


def test_bca_of_symmetric_resamples_is_the_percentile_interval():
    resampled = np.linspace(-1, 1, 1001)
    without = np.linspace(-0.1, 0.1, 50)
    assert bca_interval(0.0, resampled, without) == pytest.approx(percentile_interval(resampled), abs=1e-9)


def test_bca_says_nothing_where_it_is_undefined():
    assert np.isnan(bca_interval(1.0, np.full(50, 1.0) - 0.1, np.linspace(0, 1, 9))).all()
    assert np.isnan(bca_interval(0.5, np.linspace(0, 1, 50), np.full(9, 0.5))).all()


def test_equivalence_counts_the_resamples_beyond_each_margin():
    resampled = np.array([-0.03, -0.01, 0.0, 0.01, 0.02, 0.05, 0.06, 0.07, 0.08])
    assert equivalence_p(resampled, 0.05) == (1 / 10, 5 / 10)
    assert np.isnan(equivalence_p(np.full(3, np.nan), 0.1)).all()


@pytest.mark.parametrize("patients", [5, 20, 80])
def test_the_expanded_interval_of_normal_resamples_is_the_t_interval(patients):
    """Means of n normal values: resamples have the spread of n, not n - 1; the t interval is exact."""
    values = np.random.default_rng(0).normal(size=patients)
    spread_of_resamples = values.std() / np.sqrt(patients)
    resampled = stats.norm.ppf((np.arange(400_000) + 0.5) / 400_000, values.mean(), spread_of_resamples)
    exact = stats.t.interval(0.95, patients - 1, values.mean(), values.std(ddof=1) / np.sqrt(patients))
    assert percentile_interval(resampled, patients=patients) == pytest.approx(exact, abs=1e-4)
    p = two_sided_p(resampled, patients=patients)
    assert p == pytest.approx(stats.ttest_1samp(values, 0).pvalue, rel=1e-4)


def test_the_p_of_the_expanded_interval_is_its_inversion():
    resampled = np.random.default_rng(0).normal(2.2, 1.0, 4000)
    for patients in (None, 6, 12, 200):
        low, _ = percentile_interval(resampled, patients=patients)
        assert (two_sided_p(resampled, patients=patients) < 0.05) == (low > 0)


def test_a_mean_rests_on_the_patients_of_its_noisiest_finding():
    assert effective_n_patients(np.array([12])) == pytest.approx(12)
    assert effective_n_patients(np.array([10, 10_000])) == pytest.approx(10, rel=0.01)
    assert effective_n_patients(np.array([50] * 4)) == pytest.approx(4 * 49 + 1)
