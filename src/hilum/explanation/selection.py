"""Selection of the images of a finding to show, by rules or at random.

Rules use labels and the scores of one or several models, which must all agree. A model calls an image positive if it
is among its n highest scores, n being the number of positive images: the threshold at which precision equals recall.
The threshold depends on the labels of the same images, so it is used for this selection only.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hilum.draws import Stream, image_keys, shuffled

Rule = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]], NDArray[np.int64]]
"""Function of labels (N,) of 1, 0 or NaN, scores (M, N) and a random order (N,); returns selected images in order."""


def true_positives(
    labels: NDArray[np.float64], scores: NDArray[np.float64], order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Select positive images that every model calls positive, in random order.

    As in Elwirehardja et al. (2025), §4.4, Fig. 5.
    """
    positives = int((labels == 1).sum())
    if not positives:
        return np.array([], dtype=np.int64)
    known = np.where(np.isnan(labels), -np.inf, scores)
    thresholds = np.sort(known, axis=1)[:, ::-1][:, positives - 1 : positives]
    correct = (labels == 1) & (known >= thresholds).all(0)
    chosen: NDArray[np.int64] = order[correct[order]]
    return chosen


def most_confident(
    labels: NDArray[np.float64], scores: NDArray[np.float64], order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Select positive images by their lowest score over the models, highest first; all images without any label."""
    among = np.ones(len(labels), dtype=np.bool_) if np.isnan(labels).all() else labels == 1
    return _sorted(scores.min(0), among, order)


def hardest_positives(
    labels: NDArray[np.float64], scores: NDArray[np.float64], order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Select positive images by their highest score over the models, lowest first."""
    return _sorted(-scores.max(0), labels == 1, order)


def hardest_negatives(
    labels: NDArray[np.float64], scores: NDArray[np.float64], order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Select negative images by their lowest score over the models, highest first."""
    return _sorted(scores.min(0), labels == 0, order)


def at_random(labels: NDArray[np.float64], scores: NDArray[np.float64], order: NDArray[np.int64]) -> NDArray[np.int64]:  # noqa: ARG001
    """Select positive images in random order; all images without any label."""
    return order if np.isnan(labels).all() else order[labels[order] == 1]


RULES: dict[str, Rule] = {
    "true positive": true_positives,
    "most confident": most_confident,
    "hardest positive": hardest_positives,
    "hardest negative": hardest_negatives,
    "random": at_random,
}
"""Rules by their names in the gallery and in shown.parquet."""


def chosen_images(
    image_ids: list[str], labels: NDArray[np.float64], scores: NDArray[np.float64], *, count: int, seed: int
) -> list[tuple[str, str]]:
    """Select the first `count` images of every rule; an image of several rules belongs to the first of them.

    Args:
        image_ids: Ids of N images.
        labels: Labels, (N,), 1, 0 or NaN (unknown).
        scores: Scores of M models, (M, N).
        count: Number of images per rule.
        seed: Random seed; the order of the images depends on the seed and their ids only.

    Returns:
        Pairs of the name of a rule and an image id, in the order of `RULES`.
    """
    order = shuffled(seed, image_keys(image_ids), use=Stream.IMAGES_TO_SHOW)
    taken: dict[str, str] = {}
    for name, rule in RULES.items():
        fresh = [image_ids[row] for row in rule(labels, scores, order) if image_ids[row] not in taken]
        taken |= dict.fromkeys(fresh[:count], name)
    return [(rule, image_id) for image_id, rule in taken.items()]


def _sorted(key: NDArray[np.float64], among: NDArray[np.bool_], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sort the candidates by key, highest first, ties in random order."""
    candidates = order[among[order]]
    return candidates[np.argsort(-key[candidates], kind="stable")]
