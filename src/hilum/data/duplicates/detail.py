"""Detail of an image, which distinguishes chest images, without the anatomy that they share.

All frontal images share the large structures (two dark lungs, a bright mediastinum); common perceptual hashes use these
and confuse different patients. Here an image is reduced to a thumbnail, the large structures are removed by subtraction
of a blurred copy, and the rest is divided by its local standard deviation, which removes brightness, contrast and most
gray-scale curves. Ribs, vessels, markers and lines remain; two images of one patient differ in them.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.data.images.gray import Gray

SIDE = 64
"""Side of a thumbnail, pixels."""
_FLOOR = 0.3  # fraction of the image's mean strength, so that noise in flat parts stays small
_FLAT = 0.3  # gray levels of 255: a thumbnail with less detail is constant

Thumbnails = NDArray[np.uint8]


@dataclass(frozen=True)
class Scale:
    """Band of spatial frequencies; standard deviations of Gaussians, thumbnail pixels.

    Attributes:
        finest: Smaller structures are smoothed; 0: no smoothing.
        coarsest: Larger structures are removed.
        strength: Window of the local standard deviation.
    """

    finest: float
    coarsest: float
    strength: float


COARSE = Scale(0.0, 4.0, 6.0)
"""Detail that is robust to a shift by a pixel or two, for hashes."""
FINE = Scale(0.7, 2.0, 4.0)
"""Detail that differs between two images of one patient, for comparison."""


def thumbnail(gray: Gray) -> NDArray[np.uint8]:
    """Reduce an image to 64 x 64, stretched to a square, area-averaged; (64, 64), 0 to 255.

    Args:
        gray: (H, W), uint8 or uint16. 8-bit values are unchanged; 16-bit images are scaled by their own range.
    """
    shrinks = max(gray.shape) > SIDE
    small = cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    if gray.dtype != np.uint8:
        low, high = float(gray.min()), float(gray.max())
        small = np.rint((small.astype(np.float32) - low) * (255.0 / max(high - low, 1.0)))
    return np.asarray(small, dtype=np.uint8)


def details(thumbnails: Thumbnails, scale: Scale) -> NDArray[np.float32]:
    """Compute the detail of each image, (N, 64, 64), mean 0; all 0 for a constant image.

    Args:
        thumbnails: (N, 64, 64).
        scale: `COARSE` or `FINE`.
    """
    found = np.zeros(thumbnails.shape, dtype=np.float32)
    for image, small in zip(found, thumbnails, strict=True):
        canvas = _blurred(small.astype(np.float32), scale.finest)
        detail = canvas - _blurred(canvas, scale.coarsest)
        mean_square = float((detail * detail).mean())
        if mean_square >= _FLAT**2:
            strength = np.sqrt(_blurred(detail * detail, scale.strength))
            even = detail / (strength + _FLOOR * np.sqrt(mean_square))
            image[:] = even - even.mean()
    return found


def _blurred(canvas: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    if deviation == 0:
        return canvas
    blurred = cv2.GaussianBlur(canvas, (0, 0), deviation, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, dtype=np.float32)
