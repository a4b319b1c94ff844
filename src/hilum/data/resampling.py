"""Resampling rules: copies of the images of rare classes, subsets of those of common ones. No array arithmetic."""

from dataclasses import dataclass
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
