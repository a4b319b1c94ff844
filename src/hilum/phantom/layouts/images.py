"""Pixels of native layouts: in the aspect ratio of the original, and with more than 8 bits."""

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.phantom.image import render_image
from hilum.phantom.population import Image

_EIGHT_BIT = 255


def shape_in_proportion(image: Image, size: int) -> tuple[int, int]:
    """Return rows and columns of an image whose longer side has `size` pixels."""
    longer = max(image.width, image.height)
    return max(1, round(size * image.height / longer)), max(1, round(size * image.width / longer))


def in_proportion(pixels: NDArray[np.uint8], image: Image) -> NDArray[np.uint8]:
    """Resize a square image, (S, S), to the detector's aspect ratio; its longer side keeps S pixels."""
    rows, columns = shape_in_proportion(image, len(pixels))
    shrunk = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA)
    return shrunk.astype(np.uint8, copy=False)


def deep_image(image: Image, *, size: int, seed: int, bits: int) -> NDArray[np.uint16]:
    """Render an image with more than 8 bits, in its own aspect ratio.

    It is rendered at twice the size and averaged, so that the additional bits hold detail.

    Args:
        image: One of `population.population_images`.
        size: Longer side, pixels.
        seed: Random seed of the population.
        bits: 9 to 16; the range of the pixels is 0 to 2^bits - 1.

    Returns:
        (rows, columns), bright where dense.
    """
    pixels = render_image(image, size=2 * size, seed=seed).pixels.astype(np.float32)
    rows, columns = shape_in_proportion(image, size)
    averaged = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA)
    deep: NDArray[np.uint16] = np.rint(averaged * ((2**bits - 1) / _EIGHT_BIT)).astype(np.uint16)
    return deep
