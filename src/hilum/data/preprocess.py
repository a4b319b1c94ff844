"""From a decoded radiograph to the square 8-bit picture that is stored: a recipe of steps, done in the order written.

    square: pad       black bars on both sides, as many as needed, so that the shape of the body stays
    square: crop      the middle square
    square: stretch   nothing is added or lost; the resize changes the shape (so it does where `square` is not given)
    resize: S         to S x S: area averaging where it shrinks, bilinear where it enlarges
    min_max           the film's darkest and brightest value become 0 and 255
    clahe             contrast-limited adaptive histogram equalisation, clip limit 2, 8 x 8 tiles (OpenCV's own defaults
                      for tiles; Elwirehardja et al. 2025 resize to 224, then CLAHE)
    equalize          histogram equalisation of the whole film (Tayebi Arasteh et al. 2024: resize, min-max, equalise)

A film of 16 bits keeps them until 8 are needed: at min_max, clahe or equalize, or at the end, its own darkest and
brightest value become 0 and 255. Black for its bars is its own darkest value.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.data.pixels import Gray
from hilum.errors import HilumError

Step: TypeAlias = tuple[str, str | int | None]
_SQUARES = ("pad", "crop", "stretch")
_PLAIN_STEPS = ("min_max", "clahe", "equalize")
_CLIP_LIMIT, _TILES = 2.0, (8, 8)
_SMALLEST, _LARGEST = 8, 4096


@dataclass(frozen=True)
class Recipe:
    """Checked steps, and the side S of the picture they end in."""

    steps: tuple[Step, ...]
    size: int

    def as_data(self) -> list[str | dict[str, str | int]]:
        """The steps as they stand in a study file; `parse_recipe` reads them back."""
        return [name if value is None else {name: value} for name, value in self.steps]


def parse_recipe(steps: list[Any]) -> Recipe:
    """Check the steps of a study file, such as `[{square: pad}, {resize: 224}, clahe]`.

    Raises:
        HilumError: an unknown step or value, a step twice, no resize, or `square` after it.
    """
    if not isinstance(steps, list):
        raise _error("a list of steps", repr(steps))
    parsed = tuple(_parse_step(step, place) for place, step in enumerate(steps, start=1))
    names = [name for name, _ in parsed]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise _error("every step once", f"{', '.join(sorted(twice))} again")
    sizes = [value for name, value in parsed if name == "resize"]
    if not sizes:
        raise _error("a resize, so that every picture has one size", f"only {', '.join(names) or 'an empty list'}")
    if "square" in names and names.index("square") > names.index("resize"):
        raise _error("square before resize, for a resized picture is square", "square after it")
    return Recipe(parsed, int(sizes[0] or 0))


def preprocess(gray: Gray, recipe: Recipe) -> NDArray[np.uint8]:
    """Do the steps of a recipe.

    Args:
        gray: (H, W), uint8 or uint16, H and W at least 1.
        recipe: see the head of this file.

    Returns:
        (S, S), uint8.
    """
    picture: NDArray[Any] = gray
    for name, value in recipe.steps:
        if name == "square":
            picture = _square(picture, str(value))
        elif name == "resize":
            picture = _resize(picture, recipe.size)
        elif name == "min_max":
            picture = _min_max(picture)
        elif name == "clahe":
            picture = cv2.createCLAHE(_CLIP_LIMIT, _TILES).apply(_eight_bits(picture))
        else:
            picture = cv2.equalizeHist(_eight_bits(picture))
    return _eight_bits(picture)


def _square(picture: NDArray[Any], how: str) -> NDArray[Any]:
    height, width = picture.shape
    side = {"pad": max(height, width), "crop": min(height, width), "stretch": 0}[how]
    if how == "pad":
        above, left = (side - height) // 2, (side - width) // 2
        black = 0 if picture.dtype == np.uint8 else picture.min()
        bars = ((above, side - height - above), (left, side - width - left))
        return np.pad(picture, bars, constant_values=black)
    if how == "crop":
        above, left = (height - side) // 2, (width - side) // 2
        return np.ascontiguousarray(picture[above : above + side, left : left + side])
    return picture


def _resize(picture: NDArray[Any], size: int) -> NDArray[Any]:
    height, width = picture.shape
    if (height, width) == (size, size):
        return picture
    # A side that grows while the other shrinks counts as shrinking: averaging over less than a pixel does no harm.
    shrinks = height > size or width > size
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _min_max(picture: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = int(picture.min()), int(picture.max())
    if high == low:
        return np.zeros(picture.shape, dtype=np.uint8)
    levels = np.arange(high - low + 1) * 255.0 / (high - low)
    scaled: NDArray[np.uint8] = np.rint(levels).astype(np.uint8)[picture - low]
    return scaled


def _eight_bits(picture: NDArray[Any]) -> NDArray[np.uint8]:
    return picture if picture.dtype == np.uint8 else _min_max(picture)


def _parse_step(step: Any, place: int) -> Step:
    if isinstance(step, str) and step in _PLAIN_STEPS:
        return step, None
    if isinstance(step, dict) and len(step) == 1:
        name, value = next(iter(step.items()))
        if name == "square" and value in _SQUARES:
            return "square", str(value)
        if name == "resize" and type(value) is int and _SMALLEST <= value <= _LARGEST:
            return "resize", value
        if name == "square":
            raise _error(f"square: one of {', '.join(_SQUARES)}", f"{value!r} in step {place}")
        if name == "resize":
            raise _error(f"resize: a whole number of {_SMALLEST} to {_LARGEST} pixels", f"{value!r} in step {place}")
    raise _error(f"steps out of square: …, resize: …, {', '.join(_PLAIN_STEPS)}", f"{step!r} as step {place}")


def _error(expected: str, found: str) -> HilumError:
    return HilumError("preprocess", expected=expected, found=found, fix="Write [{square: pad}, {resize: 224}].")
