"""Rare and common classes: weights from counts, and resampling as a table of images and copies.

Counts are of training images; weights go into a loss, a plan says which images an epoch visits and how often.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.labels import require_findings
from hilum.data.resampling import Resampling
from hilum.draws import image_keys, shuffled
from hilum.errors import HilumError

_FOR_RESAMPLING = 5  # use of `draws.shuffled`


def class_counts(manifest: pl.DataFrame, classes: list[str]) -> dict[str, int]:
    """Images positive for each class.

    Raises:
        HilumError: a class that the manifest lacks.
    """
    require_findings(manifest, classes)
    return {name: int(manifest[name].eq_missing(1).sum()) for name in classes}


def class_weights(counts: Mapping[str, int]) -> dict[str, float]:
    """Weights of classes that exclude each other: w_c = n / (C n_c), whose mean over the n images is one.

    Elwirehardja et al. 2025, eq. 1.

    Args:
        counts: images n_c of each of C classes; n is their sum.

    Returns:
        A weight for each class; 1 for one without images, which weighs nothing.
    """
    images = sum(counts.values())
    return {name: images / (len(counts) * count) if count else 1.0 for name, count in counts.items()}


def negatives_per_positive(positives: Mapping[str, int], images: int) -> dict[str, float]:
    """Weights of the positives of findings that do not exclude each other: negatives / positives, (N - P) / P.

    Toh et al. 2023, §3.3; also what the code of Tayebi Arasteh et al. 2024 does.

    Args:
        positives: images P positive for each finding.
        images: N, all of them.

    Returns:
        A weight for each finding; 1 for one without positives.

    Raises:
        HilumError: more positives than images.
    """
    weights = inverse_frequencies(positives, images)
    return {name: weight - 1 if positives[name] else 1.0 for name, weight in weights.items()}


def inverse_frequencies(positives: Mapping[str, int], images: int) -> dict[str, float]:
    """Weights of the positives of findings: N / P, one over the share of images that are positive.

    What Tayebi Arasteh et al. 2024, "SL training configuration", say; and what the code of Toh et al. 2023 has.

    Args:
        positives: images P positive for each finding.
        images: N, all of them.

    Returns:
        A weight for each finding; 1 for one without positives.

    Raises:
        HilumError: more positives than images.
    """
    beyond = [name for name, count in positives.items() if count > images]
    if beyond:
        raise HilumError(
            "counts", expected=f"at most {images:,} positives", found=", ".join(beyond), fix="Count again."
        )
    return {name: images / count if count else 1.0 for name, count in positives.items()}


def resampled_counts(counts: Mapping[str, int], rule: Resampling) -> dict[str, int]:
    """Images of each class after resampling.

    Args:
        counts: images of each class before.
        rule: who gets more and who fewer.
    """
    weights = class_weights(counts)
    return {name: rule.images_of(count, weights[name]) for name, count in counts.items()}


def resampling_plan(manifest: pl.DataFrame, classes: list[str], rule: Resampling, seed: int) -> pl.DataFrame:
    """Which images an epoch visits, and in which copies.

    Args:
        manifest: training images, each positive for exactly one class.
        classes: that exclude each other.
        rule: who gets more and who fewer, by the weights of these images.
        seed: of the draw of the images kept in classes that get fewer.

    Returns:
        `image_id` and `copy` (Int8; 0 the image itself, then `COPIES[copy - 1]`), in the manifest's order, the copies
        of an image together. Whether an image is kept depends on its class, the seed and the ids of that class alone.

    Raises:
        HilumError: a class that the manifest lacks; an image of no class or of several.
    """
    class_counts(manifest, classes)  # of all classes
    labels = np.stack([manifest[name].eq_missing(1).to_numpy() for name in classes], axis=1)
    rows, copies = resampled_rows(manifest["image_id"].to_list(), labels, rule, seed)
    return pl.DataFrame({"image_id": manifest["image_id"].gather(rows), "copy": copies})


def resampled_rows(
    image_ids: Sequence[str], labels: NDArray[np.bool_], rule: Resampling, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """As `resampling_plan`, of labels in an array.

    Args:
        image_ids: of N training images.
        labels: (N, C), true for the class of each.
        rule, seed: as there.

    Returns:
        Row and copy of each visit, (visits); rows in order.

    Raises:
        HilumError: an image of no class or of several.
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
