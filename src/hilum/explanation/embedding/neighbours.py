"""Nearest neighbours of images by the cosine similarity of their features."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.errors import HilumError
from hilum.explanation.embedding.features import unit_length

_CHUNK = 512

SCHEMA = {
    "image_id": pl.String(),
    "rank": pl.Int64(),
    "neighbour": pl.String(),
    "cosine": pl.Float64(),
    "same_patient": pl.Boolean(),
}


@dataclass(frozen=True)
class Nearest:
    """k nearest images of Q query images, the nearest first.

    Attributes:
        rows: Row indices of the neighbours, (Q, k); -1 if there are fewer than k.
        cosines: Cosine similarities, (Q, k), -1 to 1; NaN for missing neighbours.
    """

    rows: NDArray[np.int64]
    cosines: NDArray[np.float64]


def nearest_images(
    values: NDArray[np.float32],
    patients: Sequence[str],
    k: int,
    *,
    queries: NDArray[np.int64] | None = None,
    same_patient: bool = False,
) -> Nearest:
    """Find the nearest images of each image by exhaustive search, excluding the image itself.

    Images of one patient are similar for reasons unrelated to a finding (build, devices, the detector), so that the
    nearest images are often of the same patient.

    Args:
        values: Features, (N, D).
        patients: Patients of the N images.
        k: Number of neighbours, at least 1.
        queries: Rows of the query images; None: all.
        same_patient: Whether to include images of the same patient.

    Returns:
        Neighbours of the Q query images. Ties are broken by the order of the images.
    """
    unit = unit_length(values)
    _, codes = np.unique(np.asarray(patients, dtype=object).astype(str), return_inverse=True)
    rows = np.arange(len(unit)) if queries is None else queries
    most = min(k, len(unit) - 1)
    found, cosines = np.full((len(rows), k), -1, dtype=np.int64), np.full((len(rows), k), np.nan)
    if not most:
        return Nearest(found, cosines)
    for first in range(0, len(rows), _CHUNK):
        chunk = rows[first : first + _CHUNK]
        near = (unit[chunk] @ unit.T).astype(np.float64)
        near[np.arange(len(chunk)), chunk] = -np.inf
        if not same_patient:
            near[codes[chunk][:, None] == codes[None]] = -np.inf
        order = _highest(near, most)
        picked = np.take_along_axis(near, order, 1)
        there = np.isfinite(picked)
        found[first : first + _CHUNK, :most] = np.where(there, order, -1)
        cosines[first : first + _CHUNK, :most] = np.where(there, picked, np.nan)
    return Nearest(found, cosines)


def neighbours_table(nearest: Nearest, image_ids: Sequence[str], patients: Sequence[str]) -> pl.DataFrame:
    """Tabulate the neighbours of all images: `image_id`, `rank` (from 1), `neighbour`, `cosine`, `same_patient`."""
    images, ranks = np.nonzero(nearest.rows >= 0)
    others = nearest.rows[images, ranks]
    ids, names = np.asarray(image_ids, dtype=object), np.asarray(patients, dtype=object)
    return pl.DataFrame(
        {
            "image_id": ids[images].tolist(),
            "rank": ranks + 1,
            "neighbour": ids[others].tolist(),
            "cosine": nearest.cosines[images, ranks],
            "same_patient": (names[images] == names[others]).astype(bool),
        },
        schema=SCHEMA,
    )


def rows_of(asked: Sequence[str], image_ids: Sequence[str], where: str) -> NDArray[np.int64]:
    """Return the row indices of images.

    Raises:
        HilumError: An unknown image id.
    """
    place = {image_id: row for row, image_id in enumerate(image_ids)}
    unknown = [image_id for image_id in asked if image_id not in place]
    if unknown:
        raise HilumError(
            where,
            expected="the image_id of an image that could be read",
            found=", ".join(unknown[:3]),
            fix=f"The first ones are {', '.join(list(image_ids)[:3])}.",
        )
    return np.array([place[image_id] for image_id in asked], dtype=np.int64)


def _highest(values: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the columns of the highest values of each row, the highest first, ties by column."""
    columns = values.shape[1]
    edge = np.partition(values, columns - count, axis=1)[:, columns - count]
    highest = np.empty((len(values), count), dtype=np.int64)
    for row, (line, least) in enumerate(zip(values, edge, strict=True)):
        candidates = np.flatnonzero(line >= least)  # all that tie with the last one taken
        highest[row] = candidates[np.argsort(-line[candidates], kind="stable")[:count]]
    return highest
