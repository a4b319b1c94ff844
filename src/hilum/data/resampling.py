"""Rules of resampling: which classes get copies of their images, and which keep a part; no arithmetic of arrays."""

from dataclasses import dataclass
from fractions import Fraction

from hilum.errors import HilumError


@dataclass(frozen=True)
class GeometricCopy:
    """How a further copy of an image is made.

    Attributes:
        flip: left and right exchanged.
        degrees: turned by, counter-clockwise.
    """

    flip: bool
    degrees: float


COPIES: tuple[GeometricCopy, ...] = (
    GeometricCopy(flip=True, degrees=0),
    *(GeometricCopy(flip=False, degrees=degrees) for degrees in (-40, -20, 20, 40)),
)
"""Copies 1 to 5 of an image that is resampled (Elwirehardja et al. 2025, §3.2)."""


@dataclass(frozen=True)
class Resampling:
    """Which classes are given more images, and which fewer, by their weight before resampling.

    The defaults are those of Elwirehardja et al. 2025, §3.2; its list gives no rule between 0.1 and 1.5, where its
    Table 1 leaves the images as they are.

    Attributes:
        above: classes with a larger weight get all copies of every image.
        below: classes with a smaller weight keep a share of their images.
        keep: that share, above 0, at most 1.
        copies: further copies an image, the first ones of `COPIES`.
    """

    above: float = 2.0
    below: float = 0.1
    keep: float = 0.4
    copies: int = len(COPIES)

    def __post_init__(self) -> None:
        if not (0 <= self.below <= self.above and 0 < self.keep <= 1 and 0 <= self.copies <= len(COPIES)):
            raise HilumError(
                "resampling",
                expected=f"below <= above, keep above 0 and at most 1, at most {len(COPIES)} copies",
                found=str(self),
                fix="Use the defaults.",
            )

    def images_of(self, images: int, weight: float) -> int:
        """Images of a class after resampling: exact in whole numbers, rounded down where a share is kept."""
        if weight > self.above:
            return images * (1 + self.copies)
        return int(images * Fraction(str(self.keep))) if weight < self.below else images
