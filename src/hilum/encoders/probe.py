"""What frozen features tell of the findings: a linear probe and a k-nearest-neighbour probe.

Neither changes the features, so a score says what the features hold and not what fine-tuning can make of them.
"""

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""C of scikit-learn: small is strong. Alain & Bengio (2016) fit probes unpenalised, which overfits a few hundred images
in 512 dimensions; the strength is chosen on validation images instead."""
NEIGHBOURS = 20
"""Caron et al. 2021 (DINO), §4.1: k = 20 works best throughout."""
NEIGHBOUR_TEMPERATURE = 0.07
"""Of the neighbours' votes; Wu et al., "Unsupervised feature learning via non-parametric instance discrimination",
CVPR 2018, §3.4."""

Features = NDArray[np.float32]
"""(N, D)."""
Targets = NDArray[np.float32]
"""(N, F): 1, 0, or NaN where a label is masked."""


def linear_probe(
    train: tuple[Features, Targets], val: tuple[Features, Targets], scored: Features
) -> NDArray[np.float64]:
    """Probabilities from a logistic regression on standardised features, one a finding.

    The penalty is the one, of `PENALTIES`, with the highest AUROC on the validation images, mean over the findings that
    both have; the probe that scores is fitted on the training images alone.

    Args:
        train: features and targets to fit.
        val: features and targets to choose the penalty by.
        scored: features of M images.

    Returns:
        (M, F). A finding without positives or without negatives in training has the same value for all images.
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
    """Probabilities from one penalised logistic regression a finding.

    Args:
        features: (N, D), each column with mean 0 and deviation 1.
        targets: of the same images.
        scored: (M, D), scaled alike.
        penalty: C of scikit-learn.

    Returns:
        (M, F); 0.5 for findings without positives or without negatives.
    """
    answers = np.full((len(scored), targets.shape[1]), 0.5)
    for finding in range(targets.shape[1]):
        known = ~np.isnan(targets[:, finding])
        labels = targets[known, finding]
        if not labels.any() or labels.all():
            continue
        with warnings.catch_warnings():  # a weak penalty may not converge; validation then prefers another
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = LogisticRegression(C=penalty, max_iter=500).fit(features[known], labels)
        answers[:, finding] = model.predict_proba(scored)[:, 1]
    return answers


def neighbour_probe(train: tuple[Features, Targets], scored: Features) -> NDArray[np.float64]:
    """Share of positives among the nearest training images, by the cosine of features, nearer ones counting more.

    Args:
        train: features and targets of N images.
        scored: features of M images.

    Returns:
        (M, F): votes weighted by exp(cosine / 0.07). Images whose label is masked have no vote; the finding's share of
        positives in training stands where no neighbour has one.
    """
    directions, targets = _unit(train[0]), train[1]
    known = ~np.isnan(targets)
    positive = np.nan_to_num(targets)
    counted = known.sum(0)
    usual = np.divide(positive.sum(0), counted, out=np.full(targets.shape[1], 0.5), where=counted > 0)
    neighbours = min(NEIGHBOURS, len(directions))
    answers = np.empty((len(scored), targets.shape[1]))
    for first in range(0, len(scored), 1024):
        cosines = _unit(scored[first : first + 1024]) @ directions.T
        nearest = np.argpartition(-cosines, neighbours - 1, axis=1)[:, :neighbours]
        votes = np.exp((np.take_along_axis(cosines, nearest, 1) - 1) / NEIGHBOUR_TEMPERATURE)[..., None]
        total = (votes * known[nearest]).sum(1)
        share = (votes * (positive * known)[nearest]).sum(1)
        answers[first : first + 1024] = np.divide(
            share, total, out=np.broadcast_to(usual, share.shape).copy(), where=total > 0
        )
    return answers


def mean_auroc(scores: NDArray[np.floating], targets: Targets) -> float:
    """AUROC averaged over the findings that have positives and negatives; 0.5 where none has."""
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
