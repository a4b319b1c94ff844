import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from hilum.report.figures import POINTS
from hilum.report.figures.roc import roc


def draw(images: int, positives: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = (rng.random(images) < positives).astype(float)
    return labels, rng.standard_normal(images) + labels


def test_perfect_and_reversed_scores_hug_the_corners():
    labels, scores = np.array([0.0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    perfect, reversed_ = roc([labels], [scores]), roc([labels], [1 - scores])
    assert perfect.areas == [1.0]
    assert np.all(perfect.sensitivity == 1)
    assert reversed_.areas == [0.0]
    assert np.all(reversed_.sensitivity[:-1] == 0)


def test_equal_scores_give_the_diagonal():
    curve = roc([np.array([0.0, 1, 0, 1])], [np.full(4, 0.5)])
    assert curve.areas == [0.5]
    np.testing.assert_allclose(curve.sensitivity, curve.rate, atol=1e-15)


def test_areas_are_those_of_scikit_learn_and_unknown_labels_are_left_out():
    labels, scores = draw(500, 0.2, 0)
    hidden = labels.copy()
    hidden[::7] = np.nan
    selected = ~np.isnan(hidden)
    assert roc([hidden], [scores]).areas == pytest.approx(
        [roc_auc_score(labels[selected], scores[selected])], abs=1e-12
    )


@pytest.mark.parametrize(("images", "positives"), [(25_000, 0.02), (25_000, 0.5), (400, 0.05)])
def test_thinning_to_two_hundred_points_moves_no_line_by_a_visible_width(images, positives):
    labels, scores = draw(images, positives, 1)
    curve = roc([labels], [scores])
    assert len(curve.rate) == POINTS == 200
    false_positive, true_positive, _ = roc_curve(labels, scores)
    fine = np.linspace(0, 1, 5001)
    exact, thin = np.interp(fine, false_positive, true_positive), np.interp(fine, curve.rate, curve.sensitivity)
    assert np.mean(np.abs(exact - thin)) < 0.004  # one pixel of a panel 234 px wide


def test_seeds_are_averaged_at_equal_false_positive_rates():
    runs = [draw(300, 0.3, seed) for seed in (0, 1)]
    both = roc([labels for labels, _ in runs], [scores for _, scores in runs])
    single = [roc([labels], [scores]) for labels, scores in runs]
    np.testing.assert_allclose(both.sensitivity, (single[0].sensitivity + single[1].sensitivity) / 2, atol=1e-15)
    assert both.areas == single[0].areas + single[1].areas


@pytest.mark.parametrize("labels", [[0.0, 0.0], [1.0, 1.0], [np.nan, 1.0]])
def test_without_positives_or_negatives_there_is_no_curve(labels):
    assert roc([np.array(labels)], [np.array([0.1, 0.2])]) is None
