"""Linear probe and k-nearest-neighbour (k-NN) probe on frozen features."""

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""C of scikit-learn (small is strong), selected on validation images. Unpenalised probes (Alain & Bengio, 2016) overfit
a few hundred images in 512 dimensions."""
NEIGHBOURS = 20
"""k of k-NN; best in Caron et al. 2021 (DINO), §4.1."""
NEIGHBOUR_TEMPERATURE = 0.07
"""Temperature of the neighbours' votes; Wu et al., "Unsupervised feature learning via non-parametric instance
discrimination", CVPR 2018, §3.4."""

Features = NDArray[np.float32]
"""(N, D)."""
Targets = NDArray[np.float32]
"""(N, F): 1, 0, or NaN where a label is masked."""


def linear_probe(
    train: tuple[Features, Targets], val: tuple[Features, Targets], scored: Features
) -> NDArray[np.float64]:
    """Fit a logistic regression per finding on standardised features and return probabilities.

    The penalty of `PENALTIES` with the highest mean AUROC on the validation images is used; the model is fitted on
    training images only.

    Args:
        train: Features and targets to fit.
        val: Features and targets to select the penalty.
        scored: Features of M images.

    Returns:
        Probabilities, (M, F); constant for findings without positives or negatives in training.
    """
    scaler = StandardScaler().fit(train[0])
    fitted, chosen, (to_score, to_choose) = scaler.transform(train[0]), val[1], map(scaler.transform, (scored, val[0]))
    best: tuple[float, NDArray[np.float64]] | None = None
    for penalty in PENALTIES:
        both = regression_scores(fitted, train[1], np.concatenate([to_score, to_choose]), penalty)
        quality = mean_auroc(both[len(scored) :], chosen)
        if best is None or quality > best[0]:
            best = quality, both[: len(scored)]
    assert best is not None
    return best[1]


def regression_scores(
    features: NDArray[np.floating], targets: Targets, scored: NDArray[np.floating], penalty: float
) -> NDArray[np.float64]:
    """Fit a penalised logistic regression per finding and return probabilities.

    Args:
        features: Standardised features, (N, D).
        targets: Targets of the same images.
        scored: Features of M images, (M, D), with the same scaling.
        penalty: C of scikit-learn.

    Returns:
        Probabilities, (M, F); 0.5 for findings without positives or negatives.
    """
    scores = np.full((len(scored), targets.shape[1]), 0.5)
    for finding in range(targets.shape[1]):
        known = ~np.isnan(targets[:, finding])
        labels = targets[known, finding]
        if not labels.any() or labels.all():
            continue
        with warnings.catch_warnings():  # weak penalties may not converge; validation then selects another
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = LogisticRegression(C=penalty, max_iter=500).fit(features[known], labels)
        scores[:, finding] = model.predict_proba(scored)[:, 1]
    return scores


def neighbour_probe(train: tuple[Features, Targets], scored: Features) -> NDArray[np.float64]:
    """Compute k-NN scores: the weighted fraction of positives among the nearest training images by cosine similarity.

    Args:
        train: Features and targets of N images.
        scored: Features of M images.

    Returns:
        Scores, (M, F), with weights exp(cosine / 0.07). Masked labels have no weight; without labelled neighbours, the
        prevalence in training.
    """
    directions, targets = _unit(train[0]), train[1]
    known = ~np.isnan(targets)
    positive = np.nan_to_num(targets)
    counted = known.sum(0)
    usual = np.divide(positive.sum(0), counted, out=np.full(targets.shape[1], 0.5), where=counted > 0)
    neighbours = min(NEIGHBOURS, len(directions))
    scores = np.empty((len(scored), targets.shape[1]))
    for first in range(0, len(scored), 1024):
        cosines = _unit(scored[first : first + 1024]) @ directions.T
        nearest = np.argpartition(-cosines, neighbours - 1, axis=1)[:, :neighbours]
        votes = np.exp((np.take_along_axis(cosines, nearest, 1) - 1) / NEIGHBOUR_TEMPERATURE)[..., None]
        total = (votes * known[nearest]).sum(1)
        positives = (votes * (positive * known)[nearest]).sum(1)
        scores[first : first + 1024] = np.divide(
            positives, total, out=np.broadcast_to(usual, positives.shape).copy(), where=total > 0
        )
    return scores


def mean_auroc(scores: NDArray[np.floating], targets: Targets) -> float:
    """Compute the macro AUROC over findings with positives and negatives; 0.5 if there are none."""
    values = []
    for finding in range(targets.shape[1]):
        known = ~np.isnan(targets[:, finding])
        labels = targets[known, finding]
        if labels.any() and not labels.all():
            values.append(roc_auc_score(labels, scores[known, finding]))
    return float(np.mean(values)) if values else 0.5


def _unit(features: Features) -> Features:
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit: Features = features / np.maximum(lengths, np.finfo(np.float32).tiny)
    return unit
