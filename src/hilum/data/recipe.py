"""Preprocessing recipe: parsing and checks of its steps; `hilum.data.preprocess` applies them.

Separate from it, so that reading a study file imports no image library. `RECIPES` are those of published studies, as
described in their papers. Replication of gray over three channels and normalisation by ImageNet's mean and standard
deviation are part of the encoder, augmentations part of the training; neither is part of a recipe.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from hilum.errors import HilumError

Step: TypeAlias = tuple[str, str | int | tuple[float, float] | None]
_SQUARES = ("pad", "crop", "stretch")
_WINDOWS = ("header", "full")
_PLAIN_STEPS = ("min_max", "clahe", "equalize")
CLIP_LIMIT, TILES = 2.0, 8
_HIGHEST_CLIP_LIMIT, _MOST_TILES = 100.0, 64
_SMALLEST, _LARGEST = 8, 4096


@dataclass(frozen=True)
class NamedRecipe:
    """Steps as in a study file, and their source."""

    steps: tuple[Any, ...]
    source: str


RECIPES: Mapping[str, NamedRecipe] = {
    "elwirehardja2025": NamedRecipe(
        ({"resize": 224}, "clahe"),
        "Elwirehardja et al. 2025, Data preprocessing: 224 x 224, then CLAHE; clip limit and tiles are not given",
    ),
    "toh2023": NamedRecipe(
        ({"resize": 224},),
        "Toh et al. 2023, Preprocessing: 224 x 224 with OpenCV before training, nothing else",
    ),
    "gowtham2023": NamedRecipe(
        ({"resize": 224},),
        "Gowtham et al. 2023 give neither size nor steps; 224 x 224 is the size of their encoders' ImageNet weights",
    ),
    "tayebiarasteh2024": NamedRecipe(
        ({"resize": 224}, "min_max", "equalize"),
        "Tayebi Arasteh et al. 2024, Standardized image preprocessing: 224 x 224, min-max, histogram equalisation",
    ),
    "kivotova2021": NamedRecipe(
        ({"square": "pad"}, {"resize": 224}),
        "Kivotova et al. 2021, section 4.3.1: zeros to a square, then 224 x 224",
    ),
}


@dataclass(frozen=True)
class Recipe:
    """Checked steps, and the side length S of the resulting image, pixels."""

    steps: tuple[Step, ...]
    size: int

    @property
    def window(self) -> Literal["header", "full"]:
        """Use of the window in DICOM decoding."""
        return "full" if ("window", "full") in self.steps else "header"

    def as_data(self) -> list[Any]:
        """Return the steps as written in a study file; `parse_recipe` reads them."""
        return [_as_data(step) for step in self.steps]


def parse_recipe(steps: object) -> Recipe:
    """Check the steps of a recipe, such as `[{square: pad}, {resize: 224}, clahe]`, or look up a named recipe.

    Raises:
        HilumError: An unknown name, step or value, a repeated step, no resize, or a wrong order of steps.
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
        raise _error("a resize step, so that all images have one size", f"only {', '.join(names) or 'an empty list'}")
    if "square" in names and names.index("square") > names.index("resize"):
        raise _error("square before resize (a resized image is already square)", "square after it")
    if "window" in names[1:]:
        raise _error("window as the first step (it is part of decoding)", "another step before it")
    return Recipe(parsed, size)


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
    raise _error(f"one of the steps {known}", f"{step!r} as step {place}")


def _parse_value(name: str, value: Any) -> str | int | tuple[float, float] | None:
    """Return the value of a step; None for an invalid one."""
    if name in ("square", "window"):
        return value if value in (_SQUARES if name == "square" else _WINDOWS) else None
    if name == "resize":
        return value if type(value) is int and _SMALLEST <= value <= _LARGEST else None
    if name == "percentiles":
        ends = value if isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) else [1, 0]
        return (float(ends[0]), float(ends[1])) if 0 <= ends[0] < ends[1] <= 100 else None
    if not isinstance(value, dict) or not value or set(value) - {"clip", "tiles"}:
        return None
    clip, tiles = value.get("clip", CLIP_LIMIT), value.get("tiles", TILES)
    right = _is_number(clip) and 0 < clip <= _HIGHEST_CLIP_LIMIT and type(tiles) is int and 0 < tiles <= _MOST_TILES
    return (float(clip), float(tiles)) if right else None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _error(expected: str, found: str) -> HilumError:
    return HilumError("preprocess", expected=expected, found=found, fix="Write [{square: pad}, {resize: 224}].")
