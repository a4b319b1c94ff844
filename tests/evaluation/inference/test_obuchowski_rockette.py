import numpy as np
import pytest
from scipy import stats

from hilum.evaluation import auroc
from hilum.evaluation.inference import SeedTest, auroc_covariance, compare_seeds, seeds_vary

VAN_DYKE = {"MS(T)": 0.004796171, "MS(TR)": 0.0005510306, "Cov2": 0.0003440748, "Cov3": 0.0002390284}
"""Two tests, five readers, 114 patients (Van Dyke et al. 1993), Wilcoxon area, jackknife covariance, as MRMCaov and
RJafroc print it: F 4.456319, df 15.25967, p 0.05166569."""


def layers(rng, *, arms=2, seeds=3, patients=40, spread=0.3):
    """Labels (N,), owners (N,), two images a patient on average, and scores (arms x seeds, N)."""
    owner = np.sort(rng.integers(0, patients, 2 * patients)).astype(np.int32)
    owner = np.unique(owner, return_inverse=True)[1].astype(np.int32)
    label = (rng.random(len(owner)) < 0.4).astype(float)
    ability = 1.0 + spread * rng.normal(size=(arms * seeds, 1))
    of_patient = rng.normal(size=owner.max() + 1)[owner]
    return label, owner, ability * label + of_patient + rng.normal(size=(arms * seeds, len(owner)))


def jackknife_of(label, owner, scores):
    """AUROCs (M,) and pseudovalues (M, P) without each patient."""
    units = owner.max() + 1
    whole = np.array([auroc(label, row) for row in scores])
    without = np.array([[auroc(label[owner != p], row[owner != p]) for p in range(units)] for row in scores])
    return whole, units * whole[:, None] - (units - 1) * without


def test_van_dykes_study_gives_the_published_test():
    readers, difference = 5, np.sqrt(2 * VAN_DYKE["MS(T)"] / 5)
    excess = np.sqrt(2 * VAN_DYKE["MS(TR)"]) * np.array([1, -1, 1, -1, 0]) * np.sqrt(4 / 4)
    first, second = difference + excess, np.zeros(readers)
    own = VAN_DYKE["Cov2"] * np.ones((readers, readers)) + 0.0004582135 * np.eye(readers)
    between = VAN_DYKE["Cov3"] * np.ones((readers, readers)) + 0.0001075853 * np.eye(readers)
    covariance = np.block([[own, between], [between, own]])  # Var 0.0008022883, Cov1 0.0003466137
    test = compare_seeds(first, second, covariance, design="factorial")
    assert test.from_seeds * readers / 2 == pytest.approx(VAN_DYKE["MS(TR)"])
    assert (test.difference / test.standard_error) ** 2 == pytest.approx(4.456319, rel=1e-5)
    assert test.df == pytest.approx(15.25967, rel=1e-5)
    assert test.p() == pytest.approx(0.05166569, rel=1e-4)
    assert test.interval()[0] < 0 < test.interval()[1]


def test_with_jackknife_covariance_it_is_dorfman_berbaum_and_metzs_analysis_of_pseudovalues():
    """Readers nested in tests: F = MS(T) / (MS(R(T)) + max(MS(TC) - MS(RC(T)), 0)) (Hillis 2007, with the equivalence
    of Hillis, Obuchowski, Schartz & Berbaum, Statistics in Medicine 24:1579-1607, 2005)."""
    label, owner, scores = layers(np.random.default_rng(5))
    whole, pseudo = jackknife_of(label, owner, scores)
    cases, seeds = pseudo.shape[1], 3
    covariance = np.cov(pseudo) / cases
    cube = pseudo.reshape(2, seeds, cases)
    of_test, of_reader, of_test_case = cube.mean(axis=(1, 2)), cube.mean(axis=2), cube.mean(axis=1)
    mean_case = cube.mean(axis=(0, 1))
    ms_t = seeds * cases * np.sum((of_test - cube.mean()) ** 2)
    ms_r = cases * np.sum((of_reader - of_test[:, None]) ** 2) / (2 * (seeds - 1))
    of_tc = of_test_case - of_test[:, None] - mean_case + cube.mean()
    ms_tc = seeds * np.sum(of_tc**2) / (cases - 1)
    left = cube - of_reader[:, :, None] - of_test_case[:, None] + of_test[:, None, None]
    ms_rc = np.sum(left**2) / (2 * (seeds - 1) * (cases - 1))
    denominator = ms_r + max(ms_tc - ms_rc, 0)
    test = compare_seeds(of_reader[0], of_reader[1], covariance)
    assert (test.difference / test.standard_error) ** 2 == pytest.approx(ms_t / denominator)
    assert test.df == pytest.approx(denominator**2 / (ms_r**2 / (2 * (seeds - 1))))
    assert test.p() == pytest.approx(stats.f.sf(ms_t / denominator, 1, test.df))
    assert np.abs(of_reader.ravel() - whole).max() < 0.01  # pseudovalues average to nearly the AUROC


def test_the_exact_covariance_is_nearly_the_jackknifes():
    label, owner, scores = layers(np.random.default_rng(1), patients=150)
    _, pseudo = jackknife_of(label, owner, scores)
    jackknifed = np.cov(pseudo) / pseudo.shape[1]
    known = auroc_covariance(label[:, None], scores[:, :, None], owner, mean_over=np.array([True]))
    assert known.covariance[0] == pytest.approx(jackknifed, rel=0.1)


def test_the_interval_holds_zero_where_p_is_above_its_level():
    label, owner, scores = layers(np.random.default_rng(2), seeds=2)
    known = auroc_covariance(label[:, None], scores[:, :, None], owner, mean_over=np.array([True]))
    test = compare_seeds(known.estimates[0, :2], known.estimates[0, 2:], known.covariance[0], patients=30)
    assert test.df_seeds == 2
    low, high = test.interval(1 - test.p())
    assert min(abs(low), abs(high)) < 1e-9
    worse, better = test.beyond(0.0)
    assert min(worse, better) == pytest.approx(test.p() / 2)
    assert worse + better == pytest.approx(1)


def test_few_seeds_add_half_widths_as_squares():
    test = SeedTest(0.05, 1e-4, 0.0, 2e-4, (2, 2), 1.0, 1e-4, 2, 99.0)
    expected = np.sqrt(stats.t.isf(0.025, 2) ** 2 * 1e-4 + stats.t.isf(0.025, 99) ** 2 * 2e-4)
    assert test.reach() == pytest.approx(expected)


def test_an_arm_without_random_numbers_adds_no_spread_between_seeds():
    label, owner, scores = layers(np.random.default_rng(3))
    scores[3:] = scores[3]
    known = auroc_covariance(label[:, None], scores[:, :, None], owner, mean_over=np.array([True]))
    values, covariance = known.estimates[0], known.covariance[0]
    test = compare_seeds(values[:3], values[3:], covariance)
    once = compare_seeds(values[:3], values[3:4], covariance[:4, :4])
    assert test.from_seeds == pytest.approx(np.var(values[:3], ddof=1) / 3)
    assert test.df_seeds == 2
    assert once.from_seeds == pytest.approx(np.var(values[:3], ddof=1) * (1 / 3 + 1))  # its own spread is not known
    assert not seeds_vary(values[3:], values[3:], covariance[3:, 3:][np.ix_([0, 1, 2] * 2, [0, 1, 2] * 2)])


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="factorial"):
        compare_seeds(np.zeros(2), np.zeros(3), np.eye(5), design="factorial")
    with pytest.raises(ValueError, match="two seeds"):
        compare_seeds(np.zeros(1), np.zeros(1), np.eye(2))
