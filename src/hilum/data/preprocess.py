"""Preprocessing: from a decoded radiograph to the square 8-bit image that is stored, by the steps of a recipe.

The steps::

    window: header    DICOM: apply the file's first VOI LUT or window, if it has one (the default)
    window: full      DICOM: use the full range of stored values and ignore the window
    square: pad       black bars on both sides; keeps the aspect ratio
    square: crop      centre crop
    square: stretch   no change; the resize changes the aspect ratio (the default)
    resize: S         resize to S x S: area averaging to shrink, bilinear interpolation to enlarge
    min_max           map the image's minimum and maximum to 0 and 255
    percentiles: [L, H]   map its L-th and H-th percentile to 0 and 255 and clip
    clahe             contrast-limited adaptive histogram equalisation, clip limit 2, 8 x 8 tiles (OpenCV's default for
                      tiles), or clahe: {clip: C, tiles: T}
    equalize          global histogram equalisation

`window` must be the first step: it is part of DICOM decoding and has no effect on other files. A 16-bit image keeps its
depth up to min_max, percentiles, clahe, equalize or the end; without an explicit step its minimum and maximum become 0
and 255. Bars of a 16-bit image have its minimum value.

A recipe may also be a name of `hilum.data.recipe.RECIPES`.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.data.images.gray import Gray, look_up
from hilum.data.recipe import CLIP_LIMIT, TILES, Recipe, parse_recipe

__all__ = ["Recipe", "eight_bits", "parse_recipe", "plane_of", "preprocess"]


def preprocess(gray: Gray, recipe: Recipe) -> NDArray[np.uint8]:
    """Apply the steps of a recipe.

    Args:
        gray: (H, W), uint8 or uint16, H and W at least 1; decoded with `recipe.window`.
        recipe: Recipe; for its steps see the docstring of this module.

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
    """Return the region of an image that becomes the square image: left, top, width, height, pixels of the image.

    With `square: pad` it extends beyond the image. A point x of the image is at (x - left) * S / width.
    """
    how = dict(recipe.steps).get("square", "stretch")
    if how == "stretch":
        return 0, 0, width, height
    side = max(height, width) if how == "pad" else min(height, width)
    above, left = abs(side - height) // 2, abs(side - width) // 2
    return (-left, -above, side, side) if how == "pad" else (left, above, side, side)


def eight_bits(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Convert to 8 bits; the minimum and maximum of a 16-bit image become 0 and 255."""
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
    # Area averaging also if one side shrinks and the other grows: averaging over less than a pixel changes nothing.
    shrinks = height > size or width > size
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _spread(image: NDArray[Any], low: int, high: int) -> NDArray[np.uint8]:
    """Map `low` to 0 and `high` to 255, rounded; a constant image becomes black."""
    if high == low:
        return np.zeros(image.shape, dtype=np.uint8)
    levels = np.rint(np.arange(high - low + 1) * 255.0 / (high - low)).astype(np.uint8)
    return look_up(np.pad(levels, (low, 0)), np.clip(image, low, high))


def _percentiles(image: NDArray[Any], wanted: tuple[float, float]) -> tuple[int, int]:
    """Return the smallest values that at least these percents of the pixels do not exceed."""
    below = np.cumsum(np.bincount(image.ravel(), minlength=1))
    low, high = np.searchsorted(below, np.asarray(wanted) / 100 * image.size)
    return int(low), int(high)
