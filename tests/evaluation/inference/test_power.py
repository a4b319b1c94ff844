import numpy as np
import pytest
from scipy import stats

from hilum.errors import HilumError
from hilum.evaluation import delong
from hilum.evaluation.inference import (
    Assumptions,
    TestSet,
    auroc_variance,
    images_for_difference,
    smallest_detectable_difference,
)


def test_the_closed_form_where_the_variance_hardly_changes():
    # Many cases: both standard errors are those at A, so d = (1.960 + 0.842) sqrt(2 V (1 - R))
    counts = TestSet(1_000_000, 1_000_000)
    expected = 2.8016 * np.sqrt(2 * auroc_variance(0.8, 1e6, 1e6) * 0.5)
    assert smallest_detectable_difference(counts) == pytest.approx(expected, rel=2e-3)


def test_more_cases_more_correlation_and_more_patients_show_smaller_differences():
    plain = smallest_detectable_difference(TestSet(100, 900, 500))
    assert smallest_detectable_difference(TestSet(200, 1800, 1000)) < plain
    assert smallest_detectable_difference(TestSet(100, 900, 500), Assumptions(correlation=0.8)) < plain
    assert smallest_detectable_difference(TestSet(100, 900, 1000)) < plain
    assert smallest_detectable_difference(TestSet(100, 900, 250)) > plain
    assert smallest_detectable_difference(TestSet(100, 900, 500), Assumptions(power=0.9)) > plain


def test_images_that_say_the_same_are_worth_one():
    repeated = smallest_detectable_difference(TestSet(400, 1600, 500), Assumptions(within_patients=1.0))
    assert repeated == pytest.approx(smallest_detectable_difference(TestSet(100, 400)))


def test_the_mean_over_findings_shows_smaller_differences_the_less_they_go_together():
    findings = {str(number): TestSet(100, 900) for number in range(14)}
    one = smallest_detectable_difference(TestSet(100, 900))
    apart = smallest_detectable_difference(findings, Assumptions(between_findings=0.0))
    alike = smallest_detectable_difference(findings, Assumptions(between_findings=1.0))
    assert alike == pytest.approx(one)
    assert apart == pytest.approx(one / np.sqrt(14), rel=0.1)


def test_a_test_set_that_can_show_nothing_says_so():
    assert np.isnan(smallest_detectable_difference(TestSet(3, 5), Assumptions(auroc=0.9)))


@pytest.mark.parametrize(
    ("counts", "choices", "stated"),
    [
        (TestSet(1, 5), {}, "at least two positives"),
        (TestSet(5, 5, 11), {}, "expected 2 to 10 patients; found 11 patients"),
        (TestSet(5, 5), {"auroc": 1.0}, "auroc: expected a number from 0 to 1"),
        (TestSet(5, 5), {"correlation": -0.2}, "correlation: expected"),
    ],
)
def test_what_cannot_be_is_refused(counts, choices, stated):
    with pytest.raises(HilumError, match=stated):
        smallest_detectable_difference(counts, Assumptions(**choices))


def exponential(area, label, z):
    """Scores of the model behind the variance: exponential, positives with the larger mean."""
    return stats.expon.isf(stats.norm.sf(z)) * np.where(label == 1, area / (1 - area), 1.0)


def normal(area, label, z):
    return np.sqrt(2) * stats.norm.ppf(area) * label + z


@pytest.mark.slow
@pytest.mark.parametrize("images_each", [1, 3])
@pytest.mark.parametrize(("scores", "lowest", "highest"), [(exponential, 0.75, 0.9), (normal, 0.75, 0.97)])
def test_the_difference_is_found_in_about_80_of_100_simulated_test_sets(scores, lowest, highest, images_each):
    """A patient's images share the label and half of the noise, and two arms half of theirs.

    With scores spread alike in positives and negatives the formula is careful: more than 80 % are found.
    """
    patients, sick, area = 400, 100, 0.8
    label = np.repeat(np.arange(patients) < sick, images_each).astype(float)
    owner = np.repeat(np.arange(patients), images_each)

    def noise(rng):
        habit = np.repeat(rng.normal(size=patients), images_each)
        return np.sqrt(0.5) * habit + np.sqrt(0.5) * rng.normal(size=len(owner))

    def arms(rng, *areas):
        common = noise(rng)
        return [scores(area, label, np.sqrt(0.5) * common + np.sqrt(0.5) * noise(rng)) for area in areas]

    aurocs = [delong(label, arms(np.random.default_rng([1, trial]), area, area)).aurocs for trial in range(400)]
    correlation = float(np.corrcoef(np.array(aurocs).T)[0, 1])  # which sharing noise makes, on test sets of its own
    counts = TestSet(sick * images_each, (patients - sick) * images_each, patients)
    difference = smallest_detectable_difference(counts, Assumptions(auroc=area, correlation=correlation))
    found = 0
    for trial in range(1000):
        layers = arms(np.random.default_rng([2, trial]), area + difference, area)
        found += delong(label, layers, owner).difference(0, 1)[3] < 0.05
    assert lowest < found / 1000 < highest


def test_with_seeds_that_differ_it_is_the_closed_form_with_t():
    counts, sd, seeds = TestSet(100_000, 100_000), 0.02, 10
    patients = 2 * auroc_variance(0.8, 1e5, 1e5) * 0.5
    from_seeds = 2 * sd**2 / seeds
    df = (patients + from_seeds) ** 2 / (from_seeds**2 / (2 * (seeds - 1)))
    expected = (stats.t.isf(0.025, df) + stats.t.isf(0.2, df)) * np.sqrt(patients + from_seeds)
    found = smallest_detectable_difference(counts, Assumptions(seeds=seeds, seed_sd=sd))
    assert found == pytest.approx(expected, rel=2e-3)


def test_so_many_images_show_a_difference_and_fewer_do_not():
    assumed = Assumptions(seeds=5, seed_sd=0.01)
    enough = images_for_difference(TestSet(50, 450, 100), 0.05, assumed)
    assert smallest_detectable_difference(enough, assumed) <= 0.05
    fewer = TestSet(enough.positives - 3, enough.negatives - 27, enough.patients - 6)
    assert smallest_detectable_difference(fewer, assumed) > 0.05
    assert images_for_difference(TestSet(50, 450), 0.01, Assumptions(seeds=2, seed_sd=0.05)) is None
