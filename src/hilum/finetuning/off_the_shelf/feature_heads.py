"""Heads on fixed features, by scikit-learn; regularisation is chosen on validation images."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hilum.data.labelled_images import UNCERTAIN_CLASS, LabelledImages
from hilum.encoders.probe import linear_probe, mean_auroc
from hilum.errors import HilumError
from hilum.finetuning.off_the_shelf.feature_table import FeatureTable

FeatureHead = Literal["logistic", "knn", "mlp", "linear"]
NEIGHBOURS = (1, 3, 5, 10, 20, 50)
PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
HIDDEN, MLP_EPOCHS = 128, 200


def _knn(neighbours: float, seed: int) -> Any:  # noqa: ARG001
    return KNeighborsClassifier(n_neighbors=int(neighbours), weights="distance")


def _mlp(penalty: float, seed: int) -> Any:
    return make_pipeline(
        StandardScaler(),
        MLPClassifier((HIDDEN,), alpha=penalty, max_iter=MLP_EPOCHS, n_iter_no_change=MLP_EPOCHS, random_state=seed),
    )


def _linear(penalty: float, seed: int) -> Any:
    return make_pipeline(
        StandardScaler(), SGDClassifier(loss="log_loss", alpha=penalty, max_iter=1000, random_state=seed)
    )


FEATURE_HEADS: dict[FeatureHead, tuple[Callable[[float, int], Any], tuple[float, ...]]] = {
    "knn": (_knn, NEIGHBOURS),
    "mlp": (_mlp, PENALTIES),
    "linear": (_linear, PENALTIES),
}
"""Except "logistic": constructor of a head by strength and seed, and the strengths to choose from."""


def score_features(
    table: FeatureTable,
    train: LabelledImages,
    val: LabelledImages,
    predict_ids: Sequence[str],
    head: FeatureHead = "logistic",
    *,
    seed: int = 0,
) -> NDArray[np.float32]:
    """Fit a head to the features of training images, and score images.

    Each finding is fitted separately to images with a known label. Regularisation is chosen for each finding by the
    AUROC on validation images ("logistic": as in `hilum.encoders.probe.linear_probe`).

    Args:
        table: Table of features.
        train, val: Images with targets, (N, findings); uncertain labels (third class) are masked.
        predict_ids: M images to score.
        head: "logistic": `sklearn.linear_model.LogisticRegression`; "knn": `KNeighborsClassifier`, weighted by
            distance, 1 to 50 neighbours; "mlp": `MLPClassifier` with 128 hidden units; "linear": `SGDClassifier` with
            logistic loss. Features of the last two are standardised.
        seed: Random seed of "mlp" and "linear".

    Returns:
        Probabilities, (M, findings); the fraction of positives for a finding without positives or negatives in
        training.

    Raises:
        HilumError: Images missing in the table, or an unknown head.
    """
    if head not in get_args(FeatureHead):
        names = ", ".join(get_args(FeatureHead))
        raise HilumError("head", expected=f"one of {names}", found=str(head), fix="Choose one of these.")
    to_fit, to_choose = table.of(train.image_ids), table.of(val.image_ids)
    to_score = table.of(predict_ids)
    labels = [
        np.where(images.targets == UNCERTAIN_CLASS, np.float32(np.nan), images.targets) for images in (train, val)
    ]
    if head == "logistic":
        return linear_probe((to_fit, labels[0]), (to_choose, labels[1]), to_score).astype(np.float32)
    make, strengths = FEATURE_HEADS[head]
    scores = np.empty((len(predict_ids), labels[0].shape[1]), dtype=np.float32)
    for finding in range(scores.shape[1]):
        known = ~np.isnan(labels[0][:, finding])
        y = labels[0][known, finding]
        if not y.any() or y.all():
            scores[:, finding] = y.mean() if len(y) else 0.5
            continue
        usable = strengths if head != "knn" else [each for each in strengths if each <= known.sum()]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the number of iterations is a part of the head
            fitted = [make(each, seed).fit(to_fit[known], y) for each in usable]
        quality = [
            mean_auroc(each.predict_proba(to_choose)[:, 1:], labels[1][:, finding : finding + 1]) for each in fitted
        ]
        scores[:, finding] = fitted[int(np.argmax(quality))].predict_proba(to_score)[:, 1]
    return scores
