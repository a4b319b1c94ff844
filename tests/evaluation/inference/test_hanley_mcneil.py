import numpy as np
import pytest
from scipy import stats

from hilum.evaluation.inference import auroc_variance, score_interval


def test_the_variance_of_the_published_example():
    # Hanley & McNeil, Radiology 143:29-36 (1982), table I: area 0.893 of 51 abnormal and 58 normal CT images (counts and
    # area are checked in test_delong.py). By hand: Q1 = A / (2 - A) = 0.8067, Q2 = 2 A^2 / (1 + A) = 0.8425, variance
    # (0.09555 + 50 x 0.00924 + 57 x 0.04508) / 2958 = 0.001057, standard error 0.0325.
    assert np.sqrt(auroc_variance(0.893, 51, 58)) == pytest.approx(0.0325, abs=5e-5)


def test_the_variance_is_that_of_exponential_scores():
    """Scores of the model behind the formula: exponential, positives with the larger mean."""
    rng = np.random.default_rng(0)
    positives, negatives = 20, 30
    area = 4.0 / (1 + 4.0)
    areas = [np.mean(rng.exponential(4.0, positives)[:, None] > rng.exponential(1.0, negatives)) for _ in range(20_000)]
    assert np.mean(areas) == pytest.approx(area, abs=0.002)
    assert np.var(areas) == pytest.approx(auroc_variance(area, positives, negatives), rel=0.03)


def test_the_score_interval_holds_what_is_one_standard_error_z_away():
    low, high = score_interval(0.8, 12, 40)
    for end in (low, high):
        others = (12 + 40) / 2 - 1
        weight = 1 + others * ((1 - end) / (2 - end) + end / (1 + end))
        assert abs(0.8 - end) == pytest.approx(stats.norm.ppf(0.975) * np.sqrt(end * (1 - end) * weight / (12 * 40)))
    assert 0 < low < 0.8 < high < 1


def test_the_score_interval_has_width_where_all_is_separated():
    low, high = score_interval(1.0, 5, 100)
    assert high == 1
    assert 0.4 < low < 0.95
    assert score_interval(0.0, 5, 100) == pytest.approx((1 - high, 1 - low), abs=0.2)
