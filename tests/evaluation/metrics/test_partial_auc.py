import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.metrics import roc_auc_score

from hilum.evaluation import auroc, partial_auroc

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=40)


@given(ROWS, st.sampled_from([0.05, 0.1, 0.25, 0.5, 0.9]))
def test_equals_scikit_learn_with_ties(rows, rate):
    labels, scores = np.array(rows, dtype=float).T
    if 0 < labels.sum() < len(labels):
        expected = roc_auc_score(labels, scores, max_fpr=rate)
        assert partial_auroc(labels, scores, max_false_positive_rate=rate) == pytest.approx(expected, abs=1e-12)
    else:
        assert np.isnan(partial_auroc(labels, scores))


def test_of_the_whole_curve_is_the_auroc():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 200), rng.integers(0, 30, 200)
    assert partial_auroc(labels, scores, max_false_positive_rate=1) == pytest.approx(auroc(labels, scores), abs=1e-12)


def test_is_a_half_by_chance_and_one_where_separated():
    assert partial_auroc([0, 1], [0.5, 0.5]) == pytest.approx(0.5)
    assert partial_auroc([0, 1], [0.1, 0.9]) == pytest.approx(1)
