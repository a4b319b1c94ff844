"""Declaration of an augmentation: ranges of geometry, gray levels, blur, noise and erasing."""

from dataclasses import dataclass, fields
from typing import Any

from hilum.errors import HilumErrors

Range = tuple[float, float]


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random parameters of a view; draws are uniform, log-uniform for aspects and gamma.

    The image is rotated, scaled and shifted about its centre, cropped, resized and flipped, all by one affine map;
    pixels outside the image are black. Then follow brightness, contrast, blur, gamma, solarisation, noise and erasing,
    in this order. The defaults are the identity.

    `keep_lungs` and `erase_lungs` use the average position of the lungs on frontal images (`hilum.augment.lungs`), not
    a segmentation of the image.

    Args:
        crop_area: Area of the crop as a fraction of the image, (low, high) in (0, 1].
        crop_aspect: Width / height of the crop, (low, high); clipped to aspects that fit into the image.
        keep_lungs: Minimum fraction of the lungs in the crop, 0 to 1; 0: no limit. Smaller crops are enlarged, also
            beyond `crop_area`.
        rotate: Maximum rotation to either side in degrees, 0 to 180.
        shift: Maximum shift along x and y as a fraction of the side, 0 to 0.5.
        scale: Magnification, (low, high); > 0.
        flip: Probability of a horizontal flip.
        jitter_probability: Probability of changing brightness, contrast and gamma.
        brightness: Gray values are multiplied by 1 ± this; 0 to 1.
        contrast: Differences from the view's mean are multiplied by 1 ± this; 0 to 1.
        gamma: Exponent of gray values in [0, 1], (low, high); > 0.
        blur_probability: Probability of Gaussian blur, 0 to 1.
        blur_sigma: Standard deviation of the Gaussian in px of the view, (low, high); > 0.
        solarize_probability: Probability of inverting all gray values above 0.5, 0 to 1.
        noise: Standard deviation of Gaussian noise per pixel, (low, high); 0 to 1, where 1 is white.
        erase_probability: Probability of replacing a rectangle by the view's mean (random erasing, Zhong et al. 2020).
        erase_area: Area of the rectangle as a fraction of the view, (low, high) in (0, 1].
        erase_aspect: Width / height of the rectangle, (low, high); clipped to aspects that fit into the view.
        erase_lungs: Maximum fraction of the visible lungs that is erased, 0 to 1; 1: no limit. Larger rectangles are
            shrunk about their centre.

    Raises:
        HilumErrors: A value is out of range.
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
        """Return the settings that differ from the identity, by name."""
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {name: value for name, (value, default) in values.items() if value != default}


def _is_range(value: Any, lowest: float, highest: float) -> bool:
    if not isinstance(value, tuple) or len(value) != 2:
        return False
    if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in value):
        return False
    return bool(lowest <= value[0] <= value[1] <= highest)


_TINY = 1e-3
_FRACTION = (0.0, 1.0)
_RATIO = (_TINY, 1 / _TINY)
_BOUNDS = {
    "crop_area": (_TINY, 1.0),
    "crop_aspect": _RATIO,
    "keep_lungs": _FRACTION,
    "rotate": (0.0, 180.0),
    "shift": (0.0, 0.5),
    "scale": _RATIO,
    "flip": _FRACTION,
    "jitter_probability": _FRACTION,
    "brightness": _FRACTION,
    "contrast": _FRACTION,
    "gamma": (0.05, 20.0),
    "blur_probability": _FRACTION,
    "blur_sigma": (_TINY, 50.0),
    "solarize_probability": _FRACTION,
    "noise": _FRACTION,
    "erase_probability": _FRACTION,
    "erase_area": (_TINY, 1.0),
    "erase_aspect": _RATIO,
    "erase_lungs": _FRACTION,
}
