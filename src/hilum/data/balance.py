"""Class imbalance: class weights from counts, and resampling with geometric copies.

Counts are of training images. Weights multiply terms of a loss; resampled rows define the images of an epoch.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.data.resampling import Resampling
from hilum.draws import image_keys, shuffled
from hilum.errors import HilumError

_FOR_RESAMPLING = 5  # use of `draws.shuffled`


def class_weights(counts: Mapping[str, int]) -> dict[str, float]:
    """Compute weights of mutually exclusive classes: w_c = n / (C n_c), whose mean over the n images is one.

    Elwirehardja et al. 2025, eq. 1.

    Args:
        counts: Number of images n_c of each of C classes; n is their sum.

    Returns:
        A weight for each class; 1 for a class without images.
    """
    images = sum(counts.values())
    return {name: images / (len(counts) * count) if count else 1.0 for name, count in counts.items()}


def negatives_per_positive(positives: Mapping[str, int], images: int) -> dict[str, float]:
    """Compute positive weights of findings that are not mutually exclusive: negatives / positives, (N - P) / P.

    Toh et al. 2023, §3.3; the published code of Tayebi Arasteh et al. 2024 does the same.

    Args:
        positives: Number of positive images P of each finding.
        images: Number of all images N.

    Returns:
        A weight for each finding; 1 for one without positives.

    Raises:
        HilumError: More positives than images.
    """
    beyond = [name for name, count in positives.items() if count > images]
    if beyond:
        raise HilumError(
            "counts", expected=f"at most {images:,} positives", found=", ".join(beyond), fix="Count again."
        )
    return {name: images / count - 1 if count else 1.0 for name, count in positives.items()}


def resampled_counts(counts: Mapping[str, int], rule: Resampling) -> dict[str, int]:
    """Compute the number of images of each class after resampling.

    Args:
        counts: Number of images of each class before resampling.
        rule: Resampling rule.
    """
    weights = class_weights(counts)
    return {name: rule.images_of(count, weights[name]) for name, count in counts.items()}


def resampled_rows(
    image_ids: Sequence[str], labels: NDArray[np.bool_], rule: Resampling, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Resample mutually exclusive classes: copies of the images of rare classes, subsets of those of common ones.

    Args:
        image_ids: Ids of N training images.
        labels: (N, C), true for the class of each image.
        rule: Resampling rule; it uses the class weights of these images.
        seed: Random seed of the choice of images in common classes.

    Returns:
        Row of each sample, (samples,), ascending, and its copy number, (samples,): 0 is the image itself, k its k-th
        copy (`hilum.data.resampling.COPIES[k - 1]`). The choice of images depends only on the class, the seed and the
        ids of the images of the class.

    Raises:
        HilumError: An image of no class or of several.
    """
    if (others := np.flatnonzero(labels.sum(1) != 1)).size:
        raise HilumError(
            "resampling",
            expected="images of exactly one class",
            found=f"{len(others):,} others, first {image_ids[others[0]]}",
            fix="Choose the images with exactly_one_of.",
        )
    counts = {str(place): int(count) for place, count in enumerate(labels.sum(0))}
    visits = np.ones(len(labels), dtype=np.int64)
    keys = image_keys(image_ids)
    for place, weight in enumerate(class_weights(counts).values()):
        of_class = np.flatnonzero(labels[:, place])
        if weight < rule.below:
            left_out = shuffled(seed, keys[of_class], use=_FOR_RESAMPLING)[rule.images_of(len(of_class), weight) :]
            visits[of_class[left_out]] = 0
        elif weight > rule.above:
            visits[of_class] = 1 + rule.copies
    return np.repeat(np.arange(len(visits)), visits), _copy_numbers(visits)


def _copy_numbers(visits: NDArray[np.int64]) -> NDArray[np.int8]:
    first_row = np.repeat(np.cumsum(visits) - visits, visits)
    return (np.arange(visits.sum()) - first_row).astype(np.int8)
