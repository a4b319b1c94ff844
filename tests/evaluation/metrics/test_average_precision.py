import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.metrics import average_precision_score

from hilum.evaluation import auprc
from hilum.evaluation.metrics import cumulative_calls

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40)


@given(ROWS)
def test_equals_scikit_learn_with_ties(rows):
    labels, scores = np.array(rows, dtype=float).T
    if 0 < labels.sum() < len(labels):
        assert auprc(labels, scores) == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
    else:
        assert np.isnan(auprc(labels, scores))


def test_is_one_where_separated_and_the_share_of_positives_where_constant():
    labels = np.array([0, 0, 0, 1])
    assert auprc(labels, [0.1, 0.2, 0.3, 0.4]) == 1
    assert auprc(labels, [0.7] * 4) == 0.25


def test_unknown_labels_do_not_count():
    assert auprc([0, 1, 0, 1, np.nan], [0.1, 0.2, 0.3, 0.4, 0.9]) == auprc([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4])


def test_calls_are_counted_from_the_highest_score_down():
    true, false = cumulative_calls(np.array([True, False, True, False]), np.array([0.9, 0.5, 0.5, 0.1]))
    assert (true.tolist(), false.tolist()) == ([1, 2, 2], [0, 1, 2])
