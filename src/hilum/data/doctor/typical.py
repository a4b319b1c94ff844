"""What images of a view typically look like, and how far an image is from that: odd ones, and negatives.

An image is reduced to 16 x 16 of mean 0 and length 1. The median of the images of a view is the typical image; the
correlation with it tells how odd an image is, and which way round its grays are. On 1,101 real images of ChestX-ray14
no image had a correlation below 0, and the negatives of 99 % had one below -0.3; with three of ten images turned round
all were found, and no other.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.data.duplicates import SIDE

NEGATIVE = -0.3
"""Correlation with the typical image below which an image is taken for a negative."""
FEWEST = 20
"""Images of a view without which nothing is typical."""
_SIDE = 16


def likeness(thumbnails: NDArray[np.uint8], views: list[str], readable: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Correlation of every image with the typical image of its view, (N,).

    NaN where an image could not be read, shows nothing, or has fewer than 20 others of its view.

    Args:
        thumbnails: (N, 64, 64).
        views: of each image.
        readable: (N,).
    """
    found = np.full(len(thumbnails), np.nan)
    for view in sorted(set(views)):
        rows = np.flatnonzero(readable & (np.array(views) == view))
        small = _standardised(thumbnails, rows)
        shown = np.abs(small).sum(axis=1) > 0
        if shown.sum() >= FEWEST:
            found[rows[shown]] = small[shown] @ typical(small[shown])
    return found


def typical(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """The median image, (256,), mean 0 and length 1; `small` are standardised images, (N, 256)."""
    middle = np.median(small, axis=0)
    middle -= middle.mean()
    return np.asarray(middle / max(float(np.linalg.norm(middle)), 1e-6), dtype=np.float32)


def turned_round(middle: NDArray[np.float32]) -> bool:
    """Whether a typical frontal image is a negative: lungs brighter than what lies between, corners than the neck."""
    image = middle.reshape(_SIDE, _SIDE)
    lungs = (image[4:10, 3:5].mean() + image[4:10, 11:13].mean()) / 2
    corners = (image[:2, :3].mean() + image[:2, -3:].mean()) / 2
    return bool(image[4:11, 7:9].mean() < lungs and image[:2, 7:9].mean() < corners)


def whole_view_is_negative(thumbnails: NDArray[np.uint8], rows: NDArray[np.int64]) -> bool:
    """Whether the images in these rows (of one frontal view) are typically negatives."""
    small = _standardised(thumbnails, rows)
    shown = np.abs(small).sum(axis=1) > 0
    return bool(shown.sum() >= FEWEST) and turned_round(typical(small[shown]))


def standardised(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """An image of any size as 16 x 16, (256,), mean 0 and length 1; 0 where it is even."""
    small = cv2.resize(np.asarray(image, dtype=np.float32), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    small -= small.mean()
    length = float(np.linalg.norm(small))
    if length <= SIDE / 16:  # a quarter of a gray level
        return np.zeros(_SIDE * _SIDE, dtype=np.float32)
    return np.asarray(small.ravel() / length, dtype=np.float32)


def _standardised(thumbnails: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """(len(rows), 256): see `standardised`."""
    small = np.zeros((len(rows), _SIDE * _SIDE), dtype=np.float32)
    for place, row in enumerate(rows):
        small[place] = standardised(thumbnails[row])
    return small
