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


IMRMC = {
    # AR = R, AC = C, ARC = RC (negatives, positives), mu, cases a side, readers; true variance of the difference, mean
    # of 100,000 estimates by readers and cases as they stand, and how often Hillis's test on these rejects
    "001": (0.011, 0.3, (0.2, 0.2), 0.75, 48, 6, 2.2632e-3, 2.5735e-3, 0.0366),
    "040": (0.056, 0.3, (0.2, 0.2), 2.5, 90, 6, 3.2139e-4, 3.4113e-4, 0.0227),
    "076": (0.0055, 0.3, (0.2, 0.2), 1.5, 90, 6, 6.0246e-4, 7.0945e-4, 0.0329),
    "088": (0.0055, 0.3, (0.2, 0.2), 1.5, 90, 18, 4.9072e-4, 5.3386e-4, 0.0407),
    "127": (0.03, 0.1, (0.2, 0.6), 1.5, 48, 6, 1.0453e-3, 1.4133e-3, 0.0136),
    "184": (0.0055, 0.1, (0.2, 0.6), 1.5, 90, 6, 3.5705e-4, 5.7243e-4, 0.0091),
}
"""Rows of iMRMC's validation/MLEvalidation (github.com/DIDSR/iMRMC, CC0): Roe and Metz's model, nothing differs."""


def roe_and_metz(rng, file):
    """Scores (2 tests x readers, cases), negatives first: every effect once for both tests and once for each."""
    of_reader, of_case, mixed, separation, cases, readers = IMRMC[file][:6]
    sides = []
    for of_both, mean in zip(mixed, (0.0, separation), strict=True):
        effects = mean
        for tests in (1, 2):
            effects = effects + np.sqrt(of_reader) * rng.normal(size=(tests, readers, 1))
            effects = effects + np.sqrt(of_case) * rng.normal(size=(tests, 1, cases))
            effects = effects + np.sqrt(of_both) * rng.normal(size=(tests, readers, cases))
        sides.append(effects)
    return np.concatenate(sides, axis=2).reshape(2 * readers, 2 * cases)


def kernels_of(scores, cases):
    """What each pair of a negative and a positive gives, (readers, negatives, positives)."""
    negative, positive = scores[:, :cases, None], scores[:, None, cases:]
    return (negative < positive) + 0.5 * (negative == positive)


def variance_as_they_stand(scores, cases, readers):
    """Variance of a difference where readers, negatives and positives are resampled: the one of the empirical law, in
    closed form (the maximum-likelihood estimate of Gallas, Academic Radiology 13:353-362, 2006)."""
    kernel = kernels_of(scores[:readers], cases) - kernels_of(scores[readers:], cases)
    total = 0.0
    means = {
        (r, n, p): np.mean(kernel.mean(axis=tuple(axis for axis, same in enumerate((r, n, p)) if not same)) ** 2)
        for r in (False, True) for n in (False, True) for p in (False, True)
    }  # fmt: skip
    sizes = (readers, cases, cases)
    for same, moment in means.items():
        total += moment * np.prod([1 / size if one else 1 - 1 / size for one, size in zip(same, sizes, strict=True)])
    return total - kernel.mean() ** 2


@pytest.mark.parametrize("file", IMRMC)
def test_its_variance_is_the_true_one_of_imrmcs_table_and_resamples_give_imrmcs_estimate(file):
    *_, cases, readers, true, estimated, _ = IMRMC[file]
    label, owner = np.repeat([0.0, 1.0], cases), np.arange(2 * cases, dtype=np.int32)
    here, as_they_stand = [], []
    for trial in range(150):
        scores = roe_and_metz(np.random.default_rng([int(file), trial]), file)
        known = auroc_covariance(label[:, None], scores[:, :, None], owner, mean_over=np.array([True]), threads=1)
        areas = known.estimates[0]
        test = compare_seeds(areas[:readers], areas[readers:], known.covariance[0], design="factorial")
        here.append(test.variance)
        as_they_stand.append(variance_as_they_stand(scores, cases, readers))
    for found, expected in ((here, true), (as_they_stand, estimated)):
        error = np.std(found) / np.sqrt(len(found))
        assert np.mean(found) == pytest.approx(expected, abs=3.5 * error)
        assert error < 0.06 * expected


def test_where_imrmcs_hillis_rejects_too_rarely_this_one_rejects_5_percent():
    *_, cases, readers, _, _, by_hillis = IMRMC["184"]
    label, owner = np.repeat([0.0, 1.0], cases), np.arange(2 * cases, dtype=np.int32)
    rejected, trials = 0, 600
    for trial in range(trials):
        scores = roe_and_metz(np.random.default_rng([184, trial]), "184")
        known = auroc_covariance(label[:, None], scores[:, :, None], owner, mean_over=np.array([True]), threads=1)
        areas = known.estimates[0]
        rejected += compare_seeds(areas[:readers], areas[readers:], known.covariance[0], design="factorial").p() <= 0.05
    assert by_hillis < 0.01
    assert rejected / trials == pytest.approx(0.045, abs=0.025)
