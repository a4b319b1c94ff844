from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from hilum.data.labelled_images import LabelledImages
from hilum.encoders.probe import linear_probe, mean_auroc
from hilum.errors import HilumError
from hilum.finetuning.off_the_shelf import FeatureTable, score_features
from hilum.finetuning.off_the_shelf.feature_heads import NEIGHBOURS

DRAW = np.random.default_rng(0)
LABELS = (DRAW.random((120, 2)) < 0.4).astype(np.float32)
VALUES = (DRAW.normal(size=(120, 6)) + 1.5 * LABELS @ DRAW.normal(size=(2, 6))).astype(np.float32)
TABLE = FeatureTable([f"i{n}" for n in range(120)], VALUES, Path("table.parquet"))


def part(first, last):
    targets = LABELS[first:last].copy()
    targets[::9, 1] = np.nan
    return LabelledImages(TABLE.image_ids[first:last], [f"p{n}" for n in range(first, last)], targets)


TRAIN, VAL, TEST = part(0, 60), part(60, 90), TABLE.image_ids[90:]


@pytest.mark.parametrize("head", ["logistic", "knn", "mlp", "linear"])
def test_every_head_learns_from_the_features_and_is_the_same_twice(head):
    scores = score_features(TABLE, TRAIN, VAL, TEST, head, seed=3)
    assert scores.shape == (30, 2)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert mean_auroc(scores, LABELS[90:]) > 0.8
    np.testing.assert_array_equal(scores, score_features(TABLE, TRAIN, VAL, TEST, head, seed=3))


def test_the_logistic_head_is_the_linear_probe():
    expected = linear_probe((VALUES[:60], TRAIN.targets), (VALUES[60:90], VAL.targets), VALUES[90:])
    np.testing.assert_allclose(score_features(TABLE, TRAIN, VAL, TEST, "logistic"), expected, rtol=1e-6)


def test_the_neighbours_are_chosen_by_the_validation_images():
    y = TRAIN.targets[:, 0]
    fitted = [KNeighborsClassifier(n, weights="distance").fit(VALUES[:60], y) for n in NEIGHBOURS]
    quality = [mean_auroc(each.predict_proba(VALUES[60:90])[:, 1:], VAL.targets[:, :1]) for each in fitted]
    expected = fitted[int(np.argmax(quality))].predict_proba(VALUES[90:])[:, 1]
    np.testing.assert_allclose(score_features(TABLE, TRAIN, VAL, TEST, "knn")[:, 0], expected, rtol=1e-6)


def test_a_finding_without_positives_gets_its_share_and_an_unknown_head_is_refused():
    none = LabelledImages(TRAIN.image_ids, TRAIN.patient_ids, np.zeros_like(TRAIN.targets))
    assert not score_features(TABLE, none, VAL, TEST, "knn").any()
    with pytest.raises(HilumError, match="head: expected one of logistic, knn, mlp, linear; found deep"):
        score_features(TABLE, TRAIN, VAL, TEST, "deep")
