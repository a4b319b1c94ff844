"""Resampling rules: copies of the images of rare classes, subsets of those of common ones. No array arithmetic."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Annotated

from hilum.declared import Bounds, raise_problems, range_problems
from hilum.errors import HilumError


@dataclass(frozen=True)
class GeometricCopy:
    """Geometric transform of a copy of an image.

    Attributes:
        flip: Horizontal flip.
        degrees: Rotation angle, degrees, counter-clockwise.
    """

    flip: bool
    degrees: float


COPIES: tuple[GeometricCopy, ...] = (
    GeometricCopy(flip=True, degrees=0),
    *(GeometricCopy(flip=False, degrees=degrees) for degrees in (-40, -20, 20, 40)),
)
"""Copies 1 to 5 of a resampled image (Elwirehardja et al. 2025, §3.2)."""

MOST_COPIES = len(COPIES)
WeightLimit = Annotated[float, Bounds(ge=0)]
KeepFraction = Annotated[float, Bounds(gt=0, le=1)]
Copies = Annotated[int, Bounds(ge=0, le=MOST_COPIES)]


@dataclass(frozen=True)
class Resampling:
    """Oversampling of rare classes and undersampling of common ones, by class weight.

    The defaults are those of Elwirehardja et al. 2025, §3.2; its list has no rule between 0.1 and 1.5, where its
    Table 1 keeps the images unchanged.

    Attributes:
        above: Classes with a larger weight get `copies` copies of every image.
        below: Classes with a smaller weight keep a fraction of their images.
        keep: That fraction, above 0, at most 1.
        copies: Number of copies of an image, the first ones of `COPIES`.
    """

    above: WeightLimit = 2.0
    below: WeightLimit = 0.1
    keep: KeepFraction = 0.4
    copies: Copies = MOST_COPIES

    def __post_init__(self) -> None:
        raise_problems(range_problems(type(self), vars(self), "resampling"), "resampling")
        if self.below > self.above:
            found = f"below {self.below:g}, above {self.above:g}"
            raise HilumError("resampling", expected="below <= above", found=found, fix="Change one of them.")

    def images_of(self, images: int, weight: float) -> int:
        """Return the number of images of a class after resampling, in exact arithmetic, rounded down."""
        if weight > self.above:
            return images * (1 + self.copies)
        return int(images * Fraction(str(self.keep))) if weight < self.below else images


RESAMPLINGS: Mapping[str, Resampling] = {"elwirehardja2025": Resampling()}
"""Published rules by name."""


def resampling_of(given: object) -> Resampling | None:
    """Return the rule of a setting `resample`: a name, its numbers by name, or the rule itself; None for none.

    Args:
        given: One of `RESAMPLINGS`, numbers such as {"above": 2, "copies": 5} (others have their defaults), a rule, or
            None.

    Raises:
        HilumError: An unknown name, an unknown number, or numbers out of range.

    Example:
        >>> resampling_of("elwirehardja2025") == resampling_of({"above": 2}) == Resampling()
        True
    """
    if given is None or isinstance(given, Resampling):
        return given
    names = [field.name for field in fields(Resampling)]
    if isinstance(given, str) and given in RESAMPLINGS:
        return RESAMPLINGS[given]
    fix = f"Write {next(iter(RESAMPLINGS))}, or {{above: 2, below: 0.1, keep: 0.4, copies: 5}}."
    if isinstance(given, Mapping):
        for name, value in given.items():
            if name not in names:
                near = difflib.get_close_matches(str(name), names, n=1)
                fix = f"Do you mean {near[0]}?" if near else fix
                raise HilumError("resample", expected=f"numbers of {', '.join(names)}", found=f"{name!r}", fix=fix)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise HilumError("resample", expected="numbers", found=f"{name}: {value!r}", fix=fix)
        return Resampling(**given)
    raise HilumError(
        "resample",
        expected=f"{', '.join(RESAMPLINGS)} or numbers of {', '.join(names)}",
        found=repr(given),
        fix=fix,
    )
