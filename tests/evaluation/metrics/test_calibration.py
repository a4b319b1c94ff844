import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from hilum.evaluation import brier, expected_calibration_error, reliability_curve

ROWS = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=40)


@given(ROWS)
def test_brier_equals_scikit_learn(rows):
    labels, scores = np.array(rows, dtype=float).T
    assert brier(labels, scores) == pytest.approx(brier_score_loss(labels, scores, pos_label=1), abs=1e-12)


@given(ROWS, st.integers(1, 12))
def test_calibration_error_equals_the_definition_bin_by_bin(rows, bins):
    labels, scores = np.array(rows, dtype=float).T
    total = 0.0
    for low in range(bins):
        inside = (scores * bins > low) & (scores * bins <= low + 1) | ((low == 0) & (scores == 0))
        if inside.any():
            total += inside.sum() * abs(labels[inside].mean() - scores[inside].mean())
    assert expected_calibration_error(labels, scores, bins=bins) == pytest.approx(total / len(labels), abs=1e-12)


def test_perfect_and_worst_probabilities():
    assert expected_calibration_error([0, 1], [0, 1]) == brier([0, 1], [0, 1]) == 0
    assert expected_calibration_error([1, 0], [0, 1]) == brier([1, 0], [0, 1]) == 1
    assert np.isnan([brier([np.nan], [0.1]), expected_calibration_error([np.nan], [0.1])]).all()


def test_the_reliability_curve_equals_scikit_learn():
    rng = np.random.default_rng(0)
    scores = rng.random(500)
    labels = (rng.random(500) < scores**2).astype(float)
    observed, predicted = calibration_curve(labels, scores, n_bins=10)
    curve = reliability_curve(labels, scores, bins=10)
    assert curve["observed"].to_list() == pytest.approx(observed.tolist(), abs=1e-12)
    assert curve["predicted"].to_list() == pytest.approx(predicted.tolist(), abs=1e-12)
    assert curve["n"].sum() == 500


def test_bins_of_equal_images_hold_about_equally_many_and_ties_stay_together():
    rng = np.random.default_rng(0)
    scores = np.round(rng.random(1000) ** 4, 3)
    curve = reliability_curve((rng.random(1000) < scores).astype(float), scores, bins=5, equal="images")
    assert curve["n"].sum() == 1000
    assert curve["n"].min() > 180
    tied = reliability_curve([0, 1, 0, 1], [0.2] * 4, equal="images")
    assert (len(tied), tied["n"][0], tied["observed"][0]) == (1, 4, 0.5)
