import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.metrics import roc_auc_score

from hilum.evaluation.metrics import auroc, aurocs

LABELS_AND_SCORES = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40)


def by_counting_pairs(labels, scores) -> float:
    """The definition, written out: a pair won counts 1, a tie half."""
    positives, negatives = scores[labels == 1], scores[labels == 0]
    won = [(p > n) + 0.5 * (p == n) for p in positives for n in negatives]
    return sum(won) / len(won) if won else float("nan")


@given(LABELS_AND_SCORES)
def test_equals_counting_all_pairs_with_ties_as_halves(rows):
    labels, scores = np.array(rows, dtype=float).T
    assert auroc(labels, scores) == pytest.approx(by_counting_pairs(labels, scores), abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("digits", [1, 2, 16])
def test_equals_scikit_learn_with_few_and_many_ties(digits):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (500, 3)).astype(float)
    scores = np.round(rng.random((500, 3)) + 0.2 * labels, digits)
    expected = [roc_auc_score(labels[:, f], scores[:, f]) for f in range(3)]
    assert aurocs(labels, scores) == pytest.approx(expected, abs=1e-12)


def test_is_one_where_separated_zero_where_reversed_and_half_where_constant():
    labels = [0, 0, 1, 1]
    assert auroc(labels, [0.1, 0.2, 0.3, 0.4]) == 1
    assert auroc(labels, [0.4, 0.3, 0.2, 0.1]) == 0
    assert auroc(labels, [0.7] * 4) == 0.5


def test_unknown_labels_do_not_count():
    labels, scores = np.array([0, 1, 0, 1, np.nan, np.nan]), np.array([0.1, 0.2, 0.3, 0.4, 0.0, 1.0])
    assert auroc(labels, scores) == auroc(labels[:4], scores[:4]) == 0.75


@pytest.mark.parametrize("labels", [[1, 1], [0, 0], [np.nan, 1]])
def test_is_undefined_without_positives_or_negatives(labels):
    assert np.isnan(auroc(labels, [0.1, 0.2]))
