import numpy as np
import pytest
from hypothesis import given, strategies as st
from statsmodels.stats.multitest import fdrcorrection, multipletests

from hilum.evaluation.inference import benjamini_hochberg, holm


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_equals_statsmodels(p):
    assert benjamini_hochberg(p) == pytest.approx(fdrcorrection(p)[1], abs=1e-12)


def test_the_example_of_benjamini_and_hochberg():
    # Benjamini & Hochberg 1995, trial of thrombolysis after myocardial infarction: of 15 p-values the procedure at 0.05
    # rejects the four smallest.
    small = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    p = [*small, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert np.count_nonzero(benjamini_hochberg(p) <= 0.05) == 4


def test_what_was_not_tested_does_not_count():
    adjusted = benjamini_hochberg([0.01, np.nan, 0.04])
    assert adjusted[[0, 2]] == pytest.approx([0.02, 0.04])
    assert np.isnan(adjusted[1])


def test_an_empty_family_stays_empty():
    assert benjamini_hochberg([]).shape == (0,)


@pytest.mark.parametrize("size", [1, 2, 14, 40])
def test_holm_equals_statsmodels(size):
    p = np.random.default_rng(size).random(size) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)


def test_holm_is_never_bolder_than_benjamini_and_hochberg():
    p = np.linspace(0.001, 0.2, 14)
    assert np.all(holm(p) >= benjamini_hochberg(p))
    assert np.isnan(holm([0.1, np.nan])[1])
