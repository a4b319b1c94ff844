import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from hilum.encoders.probe import NEIGHBOURS, PENALTIES, linear_probe, mean_auroc, neighbour_probe


def made(images, seed=0, noise=1.0):
    """Features whose first axis tells finding 0, whose second tells finding 1, and nothing tells finding 2."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((images, 3)) < 0.4).astype(np.float32)
    features = rng.normal(0, noise, (images, 12)).astype(np.float32)
    features[:, :2] += 2 * targets[:, :2]
    return features, targets


def test_the_linear_probe_reads_what_is_there_and_no_more():
    scored, truth = made(2000, seed=9)
    scores = linear_probe(made(300, seed=1), made(200, seed=2), scored)
    assert mean_auroc(scores[:, :2], truth[:, :2]) > 0.88
    assert mean_auroc(scores[:, 2:], truth[:, 2:]) == pytest.approx(0.5, abs=0.06)


def test_the_linear_probe_is_one_of_scikit_learns_chosen_on_validation_images():
    train, val, (scored, _) = made(200, seed=1), made(100, seed=2), made(50, seed=3)
    scaler = StandardScaler().fit(train[0])

    def fitted(penalty, images):
        models = [
            LogisticRegression(C=penalty, max_iter=500).fit(scaler.transform(train[0]), train[1][:, f])
            for f in range(3)
        ]
        return np.stack([model.predict_proba(scaler.transform(images))[:, 1] for model in models], axis=1)

    best = max(PENALTIES, key=lambda penalty: mean_auroc(fitted(penalty, val[0]), val[1]))
    assert np.allclose(linear_probe(train, val, scored), fitted(best, scored))


def test_masked_labels_take_no_part():
    (features, targets), val, (scored, _) = made(200, seed=1), made(100, seed=2), made(50, seed=3)
    targets[100:, 0] = np.nan
    scaler = StandardScaler().fit(features)
    known = scaler.transform(features)[:100]
    possible = [
        LogisticRegression(C=penalty, max_iter=500).fit(known, targets[:100, 0]).predict_proba(scaler.transform(scored))
        for penalty in PENALTIES
    ]
    found = linear_probe((features, targets), val, scored)[:, 0]
    assert any(np.allclose(found, scores[:, 1]) for scores in possible)


def test_neighbours_with_a_masked_label_have_no_vote():
    features = np.eye(3, 8, dtype=np.float32)
    targets = np.array([[1], [np.nan], [0]], dtype=np.float32)
    scored = (features[:1] + features[1:2]) / 2  # as near to the masked image as to the positive one
    expected = 1 / (1 + np.exp(-(0.5**0.5) / 0.07))  # of the positive image and the one at a right angle
    assert neighbour_probe((features, targets), scored)[0, 0] == pytest.approx(expected, abs=1e-6)


def test_a_finding_without_positives_is_scored_alike_on_all_images():
    (features, targets), val, (scored, _) = made(100, seed=1), made(50, seed=2), made(20, seed=3)
    targets[:, 1] = 0
    assert len(set(linear_probe((features, targets), val, scored)[:, 1])) == 1
    assert set(neighbour_probe((features, targets), scored)[:, 1]) == {0.0}


def test_the_neighbour_probe_is_scikit_learns_with_these_votes():
    (features, targets), (scored, _) = made(300, seed=1), made(40, seed=2)
    unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)  # noqa: E731
    model = KNeighborsClassifier(NEIGHBOURS, algorithm="brute", weights=lambda d: np.exp((1 - d**2 / 2) / 0.07))
    for finding in range(3):
        expected = model.fit(unit(features), targets[:, finding]).predict_proba(unit(scored))[:, 1]
        assert np.allclose(neighbour_probe((features, targets), scored)[:, finding], expected, atol=1e-4)


def test_fewer_images_than_neighbours_all_vote():
    (features, targets), (scored, _) = made(5, seed=1), made(3, seed=2)
    assert neighbour_probe((features, targets), scored).shape == (3, 3)


def test_the_mean_leaves_out_findings_that_have_no_auroc():
    targets = np.array([[1, 0, np.nan], [0, 0, np.nan], [1, 0, 1]], dtype=np.float32)
    scores = np.array([[0.9, 0.1, 0.5], [0.2, 0.9, 0.5], [0.8, 0.4, 0.5]])
    assert mean_auroc(scores, targets) == 1.0
    assert mean_auroc(scores[:, 1:2], targets[:, 1:2]) == 0.5
