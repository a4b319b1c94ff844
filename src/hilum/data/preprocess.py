"""From a radiograph's file to the square 8-bit picture that is stored: a recipe of steps, done in the order written.

    window: header    DICOM: through the file's first VOI LUT or window, where it has one (so it is without this step)
    window: full      DICOM: the whole range of stored values, whatever window the file asks for
    square: pad       black bars on both sides, as many as needed, so that the shape of the body stays
    square: crop      the middle square
    square: stretch   nothing is added or lost; the resize changes the shape (so it does where `square` is not given)
    resize: S         to S x S: area averaging where it shrinks, bilinear where it enlarges
    min_max           the film's darkest and brightest value become 0 and 255
    percentiles: [L, H]   its L-th and H-th percentile become 0 and 255, what lies beyond is cut
    clahe             contrast-limited adaptive histogram equalisation, clip limit 2, 8 x 8 tiles (OpenCV's own defaults
                      for tiles), or as told: clahe: {clip: C, tiles: T}
    equalize          histogram equalisation of the whole film

`window` stands first: it is done while decoding, and other files than DICOM have none. A film of 16 bits keeps them
until 8 are needed: at min_max, percentiles, clahe or equalize, or at the end. Where nothing else says how, its own
darkest and brightest value become 0 and 255. Black for its bars is its own darkest value.

A recipe may also be a name out of `hilum.data.recipes`.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.data.pixels import Gray, look_up
from hilum.data.recipes import RECIPES
from hilum.errors import HilumError

Step: TypeAlias = tuple[str, str | int | tuple[float, float] | None]
_SQUARES = ("pad", "crop", "stretch")
_WINDOWS = ("header", "full")
_PLAIN_STEPS = ("min_max", "clahe", "equalize")
_CLIP_LIMIT, _TILES = 2.0, 8
_HIGHEST_CLIP_LIMIT, _MOST_TILES = 100.0, 64
_SMALLEST, _LARGEST = 8, 4096


@dataclass(frozen=True)
class Recipe:
    """Checked steps, and the side S of the picture they end in."""

    steps: tuple[Step, ...]
    size: int

    @property
    def window(self) -> Literal["header", "full"]:
        """What decoding a DICOM file does with its window."""
        return "full" if ("window", "full") in self.steps else "header"

    def as_data(self) -> list[Any]:
        """The steps as they stand in a study file; `parse_recipe` reads them back."""
        return [_as_data(step) for step in self.steps]


def parse_recipe(steps: object) -> Recipe:
    """Check the steps of a study file, such as `[{square: pad}, {resize: 224}, clahe]`, or find those of a name.

    Raises:
        HilumError: an unknown name, step or value, a step twice, no resize, or steps that cannot follow each other.
    """
    if isinstance(steps, str):
        if steps not in RECIPES:
            raise _error(f"a list of steps, or a name: {', '.join(RECIPES)}", repr(steps))
        steps = list(RECIPES[steps].steps)
    if not isinstance(steps, list):
        raise _error("a list of steps", repr(steps))
    parsed = tuple(_parse_step(step, place) for place, step in enumerate(steps, start=1))
    names = [name for name, _ in parsed]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise _error("every step once", f"{', '.join(sorted(twice))} again")
    size = next((value for name, value in parsed if name == "resize"), None)
    if not isinstance(size, int):
        raise _error("a resize, so that every picture has one size", f"only {', '.join(names) or 'an empty list'}")
    if "square" in names and names.index("square") > names.index("resize"):
        raise _error("square before resize, for a resized picture is square", "square after it")
    if "window" in names[1:]:
        raise _error("window as the first step, for it belongs to decoding", "another step before it")
    return Recipe(parsed, size)


def preprocess(gray: Gray, recipe: Recipe) -> NDArray[np.uint8]:
    """Do the steps of a recipe.

    Args:
        gray: (H, W), uint8 or uint16, H and W at least 1; decoded with `recipe.window`.
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
            picture = _spread(picture, int(picture.min()), int(picture.max()))
        elif name == "percentiles" and isinstance(value, tuple):
            picture = _spread(picture, *_percentiles(picture, value))
        elif name == "clahe":
            clip, tiles = value if isinstance(value, tuple) else (_CLIP_LIMIT, _TILES)
            picture = cv2.createCLAHE(clip, (int(tiles), int(tiles))).apply(eight_bits(picture))
        elif name == "equalize":
            picture = cv2.equalizeHist(eight_bits(picture))
    return eight_bits(picture)


def plane_of(recipe: Recipe, height: int, width: int) -> tuple[int, int, int, int]:
    """The part of a film's plane that becomes the square picture: left, top, width, height, film pixels.

    With `square: pad` it reaches beyond the film. A point at x lands at (x - left) * S / width.
    """
    how = dict(recipe.steps).get("square", "stretch")
    if how == "stretch":
        return 0, 0, width, height
    side = max(height, width) if how == "pad" else min(height, width)
    above, left = abs(side - height) // 2, abs(side - width) // 2
    return (-left, -above, side, side) if how == "pad" else (left, above, side, side)


def eight_bits(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """The picture in 8 bits; of 16, its darkest and brightest value become 0 and 255."""
    return picture if picture.dtype == np.uint8 else _spread(picture, int(picture.min()), int(picture.max()))


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


def _spread(picture: NDArray[Any], low: int, high: int) -> NDArray[np.uint8]:
    """`low` becomes 0 and `high` 255, to the nearest level; a film of one value becomes black."""
    if high == low:
        return np.zeros(picture.shape, dtype=np.uint8)
    levels = np.rint(np.arange(high - low + 1) * 255.0 / (high - low)).astype(np.uint8)
    return look_up(np.pad(levels, (low, 0)), np.clip(picture, low, high))


def _percentiles(picture: NDArray[Any], wanted: tuple[float, float]) -> tuple[int, int]:
    """The smallest values that at least these percents of the pixels do not exceed."""
    below = np.cumsum(np.bincount(picture.ravel(), minlength=1))
    low, high = np.searchsorted(below, np.asarray(wanted) / 100 * picture.size)
    return int(low), int(high)


def _as_data(step: Step) -> Any:
    name, value = step
    if value is None:
        return name
    if name == "clahe" and isinstance(value, tuple):
        return {name: {"clip": value[0], "tiles": int(value[1])}}
    return {name: list(value) if isinstance(value, tuple) else value}


def _parse_step(step: Any, place: int) -> Step:
    if isinstance(step, str) and step in _PLAIN_STEPS:
        return step, None
    if isinstance(step, dict) and len(step) == 1:
        name, value = next(iter(step.items()))
        expected = {
            "square": f"one of {', '.join(_SQUARES)}",
            "window": f"one of {', '.join(_WINDOWS)}",
            "resize": f"a whole number of {_SMALLEST} to {_LARGEST} pixels",
            "percentiles": "[low, high] within 0 to 100",
            "clahe": f"clip (above 0, to {_HIGHEST_CLIP_LIMIT:g}), tiles (1 to {_MOST_TILES}), or both",
        }
        if name in expected:
            parsed = _parse_value(name, value)
            if parsed is None:
                raise _error(f"{name}: {expected[name]}", f"{value!r} in step {place}")
            return name, parsed
    known = f"square: …, resize: …, window: …, percentiles: …, {', '.join(_PLAIN_STEPS)}"
    raise _error(f"steps out of {known}", f"{step!r} as step {place}")


def _parse_value(name: str, value: Any) -> str | int | tuple[float, float] | None:
    """The value of a step, or None where it cannot be one."""
    if name in ("square", "window"):
        return value if value in (_SQUARES if name == "square" else _WINDOWS) else None
    if name == "resize":
        return value if type(value) is int and _SMALLEST <= value <= _LARGEST else None
    if name == "percentiles":
        ends = value if isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) else [1, 0]
        return (float(ends[0]), float(ends[1])) if 0 <= ends[0] < ends[1] <= 100 else None
    if not isinstance(value, dict) or not value or set(value) - {"clip", "tiles"}:
        return None
    clip, tiles = value.get("clip", _CLIP_LIMIT), value.get("tiles", _TILES)
    right = _is_number(clip) and 0 < clip <= _HIGHEST_CLIP_LIMIT and type(tiles) is int and 0 < tiles <= _MOST_TILES
    return (float(clip), float(tiles)) if right else None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _error(expected: str, found: str) -> HilumError:
    return HilumError("preprocess", expected=expected, found=found, fix="Write [{square: pad}, {resize: 224}].")
