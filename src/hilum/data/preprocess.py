"""From a radiograph's file to the square 8-bit image that is stored: a recipe of steps, done in the order written.

The steps::

    window: header    DICOM: through the file's first VOI LUT or window, where it has one (so it is without this step)
    window: full      DICOM: the whole range of stored values, whatever window the file asks for
    square: pad       black bars on both sides, as many as needed, so that the shape of the body stays
    square: crop      the middle square
    square: stretch   nothing is added or lost; the resize changes the shape (so it does where `square` is not given)
    resize: S         to S x S: area averaging where it shrinks, bilinear where it enlarges
    min_max           the image's darkest and brightest value become 0 and 255
    percentiles: [L, H]   its L-th and H-th percentile become 0 and 255, what lies beyond is cut
    clahe             contrast-limited adaptive histogram equalisation, clip limit 2, 8 x 8 tiles (OpenCV's own defaults
                      for tiles), or as given: clahe: {clip: C, tiles: T}
    equalize          histogram equalisation of the whole image

`window` stands first: it is done while decoding, and other files than DICOM have none. An image of 16 bits keeps them
until 8 are needed: at min_max, percentiles, clahe or equalize, or at the end. Where nothing else says how, its own
darkest and brightest value become 0 and 255. Black for its bars is its own darkest value.

A recipe may also be a name out of `hilum.data.recipes`.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.data.images.gray import Gray, look_up
from hilum.data.recipe import CLIP_LIMIT, TILES, Recipe, parse_recipe

__all__ = ["Recipe", "eight_bits", "parse_recipe", "plane_of", "preprocess"]


def preprocess(gray: Gray, recipe: Recipe) -> NDArray[np.uint8]:
    """Do the steps of a recipe.

    Args:
        gray: (H, W), uint8 or uint16, H and W at least 1; decoded with `recipe.window`.
        recipe: see the head of this file.

    Returns:
        (S, S), uint8.
    """
    image: NDArray[Any] = gray
    for name, value in recipe.steps:
        if name == "square":
            image = _square(image, str(value))
        elif name == "resize":
            image = _resize(image, recipe.size)
        elif name == "min_max":
            image = _spread(image, int(image.min()), int(image.max()))
        elif name == "percentiles" and isinstance(value, tuple):
            image = _spread(image, *_percentiles(image, value))
        elif name == "clahe":
            clip, tiles = value if isinstance(value, tuple) else (CLIP_LIMIT, TILES)
            image = cv2.createCLAHE(clip, (int(tiles), int(tiles))).apply(eight_bits(image))
        elif name == "equalize":
            image = cv2.equalizeHist(eight_bits(image))
    return eight_bits(image)


def plane_of(recipe: Recipe, height: int, width: int) -> tuple[int, int, int, int]:
    """The part of an image's plane that becomes the square image: left, top, width, height, image pixels.

    With `square: pad` it reaches beyond the image. A point at x lands at (x - left) * S / width.
    """
    how = dict(recipe.steps).get("square", "stretch")
    if how == "stretch":
        return 0, 0, width, height
    side = max(height, width) if how == "pad" else min(height, width)
    above, left = abs(side - height) // 2, abs(side - width) // 2
    return (-left, -above, side, side) if how == "pad" else (left, above, side, side)


def eight_bits(image: NDArray[Any]) -> NDArray[np.uint8]:
    """The image in 8 bits; of 16, its darkest and brightest value become 0 and 255."""
    return image if image.dtype == np.uint8 else _spread(image, int(image.min()), int(image.max()))


def _square(image: NDArray[Any], how: str) -> NDArray[Any]:
    height, width = image.shape
    side = {"pad": max(height, width), "crop": min(height, width), "stretch": 0}[how]
    if how == "pad":
        above, left = (side - height) // 2, (side - width) // 2
        black = 0 if image.dtype == np.uint8 else image.min()
        bars = ((above, side - height - above), (left, side - width - left))
        return np.pad(image, bars, constant_values=black)
    if how == "crop":
        above, left = (height - side) // 2, (width - side) // 2
        return np.ascontiguousarray(image[above : above + side, left : left + side])
    return image


def _resize(image: NDArray[Any], size: int) -> NDArray[Any]:
    height, width = image.shape
    if (height, width) == (size, size):
        return image
    # A side that grows while the other shrinks counts as shrinking: averaging over less than a pixel does no harm.
    shrinks = height > size or width > size
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _spread(image: NDArray[Any], low: int, high: int) -> NDArray[np.uint8]:
    """`low` becomes 0 and `high` 255, to the nearest level; an image of one value becomes black."""
    if high == low:
        return np.zeros(image.shape, dtype=np.uint8)
    levels = np.rint(np.arange(high - low + 1) * 255.0 / (high - low)).astype(np.uint8)
    return look_up(np.pad(levels, (low, 0)), np.clip(image, low, high))


def _percentiles(image: NDArray[Any], wanted: tuple[float, float]) -> tuple[int, int]:
    """The smallest values that at least these percents of the pixels do not exceed."""
    below = np.cumsum(np.bincount(image.ravel(), minlength=1))
    low, high = np.searchsorted(below, np.asarray(wanted) / 100 * image.size)
    return int(low), int(high)
