"""How far a random view may go: ranges of geometry, grey levels and blur, and what it must leave of the lungs."""

from dataclasses import dataclass, fields
from typing import Any

from hilum.errors import HilumErrors

Range = tuple[float, float]


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random parameters of a view; every draw is uniform, logarithms of aspects and of gamma too.

    The radiograph is rotated, scaled and shifted about its centre, then cropped, resized to the view's size and
    mirrored; all of that is one affine map. What comes from beyond the image's edge is black. Then follow, in this
    order, brightness, contrast, blur, gamma, solarisation, noise and erasing. The defaults are the identity.

    The lungs that `keep_lungs` and `erase_lungs` speak of are where they lie on an ordinary frontal image
    (`hilum.augment.lungs`): no image is looked at.

    Args:
        crop_area: share of the image's area that the crop keeps, (low, high) in (0, 1].
        crop_aspect: width by height of the crop, (low, high). Held to aspects at which the crop fits into the image.
        keep_lungs: least share of the lungs in the crop, 0 to 1; 0 for no limit. A crop with less grows, as far as
            needed, also beyond `crop_area`.
        rotate: degrees to either side, 0 to 180.
        shift: share of the side to either side, along x and along y; 0 to 0.5.
        scale: magnification, (low, high); > 0.
        flip: probability of a mirror image, left to right.
        jitter_probability: probability that brightness, contrast and gamma change at all.
        brightness: grey levels are multiplied by 1 ± this; 0 to 1.
        contrast: distances from the view's mean are multiplied by 1 ± this; 0 to 1.
        gamma: grey levels, 0 to 1, are raised to this power, (low, high); > 0.
        blur_probability: 0 to 1.
        blur_sigma: standard deviation of the Gaussian in pixels of the view, (low, high); > 0.
        solarize_probability: of turning round all grey levels above the middle, 0 to 1.
        noise: standard deviation of Gaussian noise, each pixel by itself, (low, high); 0 to 1, where 1 is white.
        erase_probability: of one rectangle that becomes the view's mean (Zhong et al. 2020, random erasing), 0 to 1.
        erase_area: share of the view that it covers, (low, high) in (0, 1].
        erase_aspect: its width by height, (low, high). Held to aspects at which it fits into the view.
        erase_lungs: greatest share that it may cover of the lungs that the view shows, 0 to 1; 1 for no limit. A
            rectangle that covers more shrinks about its centre.

    Raises:
        HilumErrors: a value is outside the range given here.
    """

    crop_area: Range = (1.0, 1.0)
    crop_aspect: Range = (1.0, 1.0)
    keep_lungs: float = 0.0
    rotate: float = 0.0
    shift: float = 0.0
    scale: Range = (1.0, 1.0)
    flip: float = 0.0
    jitter_probability: float = 1.0
    brightness: float = 0.0
    contrast: float = 0.0
    gamma: Range = (1.0, 1.0)
    blur_probability: float = 0.0
    blur_sigma: Range = (1.0, 1.0)
    solarize_probability: float = 0.0
    noise: Range = (0.0, 0.0)
    erase_probability: float = 0.0
    erase_area: Range = (0.02, 0.33)
    erase_aspect: Range = (0.3, 3.3)
    erase_lungs: float = 1.0

    def __post_init__(self) -> None:
        problems = []
        for field in fields(self):
            value = getattr(self, field.name)
            lowest, highest = _BOUNDS[field.name]
            pair = isinstance(field.default, tuple)
            if not _is_range(value if pair else (value, value), lowest, highest):
                wanted = f"a number from {lowest:g} to {highest:g}"
                wanted = f"(low, high), low no higher than high, each {wanted}" if pair else wanted
                problems.append(f"{field.name}: expected {wanted}; found {value}")
        if problems:
            raise HilumErrors("view augmentation", problems, fix="change the values named below.")

    def ranges(self) -> dict[str, float | Range]:
        """What differs from the identity, by name."""
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {name: value for name, (value, default) in values.items() if value != default}


def _is_range(value: Any, lowest: float, highest: float) -> bool:
    if not isinstance(value, tuple) or len(value) != 2:
        return False
    if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in value):
        return False
    return bool(lowest <= value[0] <= value[1] <= highest)


_TINY = 1e-3
_SHARE = (0.0, 1.0)
_RATIO = (_TINY, 1 / _TINY)
_BOUNDS = {
    "crop_area": (_TINY, 1.0),
    "crop_aspect": _RATIO,
    "keep_lungs": _SHARE,
    "rotate": (0.0, 180.0),
    "shift": (0.0, 0.5),
    "scale": _RATIO,
    "flip": _SHARE,
    "jitter_probability": _SHARE,
    "brightness": _SHARE,
    "contrast": _SHARE,
    "gamma": (0.05, 20.0),
    "blur_probability": _SHARE,
    "blur_sigma": (_TINY, 50.0),
    "solarize_probability": _SHARE,
    "noise": _SHARE,
    "erase_probability": _SHARE,
    "erase_area": (_TINY, 1.0),
    "erase_aspect": _RATIO,
    "erase_lungs": _SHARE,
}
