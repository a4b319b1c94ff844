"""Which images of a finding to look at: by a rule or by lot, never by eye.

The rules receive labels and the scores of one or several models; where there are several, they must all agree. An
image
is called positive by a model when it is among its n highest, n being how many images are positive: the threshold at
which precision and recall are equal. It rests on the labels of these very images, so it serves to choose images only.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hilum.draws import Stream, image_keys, shuffled

Rule = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]], NDArray[np.int64]]
"""Labels (N,) of 1, 0 or NaN, scores (M, N) and an order by lot (N,), to the images it takes, in order."""


def both_correct(labels: NDArray[np.float64], scores: NDArray[np.float64], lot: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positive images that every model calls positive, by lot: Elwirehardja et al. (2025), §4.4, Fig. 5."""
    positives = int((labels == 1).sum())
    if not positives:
        return np.array([], dtype=np.int64)
    known = np.where(np.isnan(labels), -np.inf, scores)
    thresholds = np.sort(known, axis=1)[:, ::-1][:, positives - 1 : positives]
    correct = (labels == 1) & (known >= thresholds).all(0)
    chosen: NDArray[np.int64] = lot[correct[lot]]
    return chosen


def most_confident(
    labels: NDArray[np.float64], scores: NDArray[np.float64], lot: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Positive images by the score of the model that gives them least, highest first; any where no label is known."""
    among = np.ones(len(labels), dtype=np.bool_) if np.isnan(labels).all() else labels == 1
    return _sorted(scores.min(0), among, lot)


def hardest(labels: NDArray[np.float64], scores: NDArray[np.float64], lot: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positive images by the score of the model that gives them most, lowest first: missed by all."""
    return _sorted(-scores.max(0), labels == 1, lot)


def wrongest(labels: NDArray[np.float64], scores: NDArray[np.float64], lot: NDArray[np.int64]) -> NDArray[np.int64]:
    """Negative images by the score of the model that gives them least, highest first: false alarms of all."""
    return _sorted(scores.min(0), labels == 0, lot)


def by_lot(labels: NDArray[np.float64], scores: NDArray[np.float64], lot: NDArray[np.int64]) -> NDArray[np.int64]:  # noqa: ARG001
    """Positive images by lot; any where no label is known."""
    return lot if np.isnan(labels).all() else lot[labels[lot] == 1]


RULES: dict[str, Rule] = {
    "found": both_correct,
    "most confident": most_confident,
    "missed": hardest,
    "false alarm": wrongest,
    "by lot": by_lot,
}
"""By the name that a gallery gives them."""


def chosen_images(
    image_ids: list[str], labels: NDArray[np.float64], scores: NDArray[np.float64], *, count: int, seed: int
) -> list[tuple[str, str]]:
    """The first `count` images of every rule; an image that several rules take belongs to the first of them.

    Args:
        image_ids: N images.
        labels: (N,), 1, 0 or NaN (unknown).
        scores: (M, N) of M models.
        count: images a rule.
        seed: of the lots. Whether an image is drawn depends on (seed, its id) and on who else is there.

    Returns:
        Pairs of a rule's name and an image id, in the order of `RULES`.
    """
    lot = shuffled(seed, image_keys(image_ids), use=Stream.IMAGES_TO_SHOW)
    taken: dict[str, str] = {}
    for name, rule in RULES.items():
        fresh = [image_ids[row] for row in rule(labels, scores, lot) if image_ids[row] not in taken]
        taken |= dict.fromkeys(fresh[:count], name)
    return [(rule, image_id) for image_id, rule in taken.items()]


def _sorted(key: NDArray[np.float64], among: NDArray[np.bool_], lot: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those among, the highest key first, ties by lot."""
    candidates = lot[among[lot]]
    return candidates[np.argsort(-key[candidates], kind="stable")]
