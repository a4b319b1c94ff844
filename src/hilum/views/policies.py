"""How far a random view may go: the ranges of its crop, rotation, shift, scale, flip, intensities and blur."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType

from hilum.errors import HilumErrors


@dataclass(frozen=True)
class ViewPolicy:
    """Ranges of the random parameters of a view; every draw is uniform, the aspect's logarithm too.

    The radiograph is rotated, scaled and shifted about its centre, then cropped, resized to the view's size and
    mirrored; all of that is one affine map. What comes from beyond the film's edge is black. Then brightness and
    contrast, then blur. The defaults are the identity.

    Args:
        crop_area: share of the image's area that the crop keeps, (low, high) in (0, 1].
        crop_aspect: width by height of the crop, (low, high). Held to aspects at which the crop fits into the image.
        rotate: degrees to either side, 0 to 180.
        shift: share of the side to either side, along x and along y; 0 to 0.5.
        scale: magnification, (low, high); > 0.
        flip: probability of a mirror image, left to right.
        brightness: grey levels are multiplied by 1 ± this; 0 to 1.
        contrast: distances from the view's mean are multiplied by 1 ± this; 0 to 1.
        blur_probability: 0 to 1.
        blur_sigma: standard deviation of the Gaussian in pixels of the view, (low, high); > 0.

    Raises:
        HilumErrors: a value is outside the range given here.
    """

    crop_area: tuple[float, float] = (1.0, 1.0)
    crop_aspect: tuple[float, float] = (1.0, 1.0)
    rotate: float = 0.0
    shift: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    flip: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    blur_probability: float = 0.0
    blur_sigma: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        problems = []
        for field in fields(self):
            value = getattr(self, field.name)
            lowest, highest = _BOUNDS[field.name]
            pair = isinstance(value, tuple)
            low, high = value if pair else (value, value)
            if not lowest <= low <= high <= highest:
                wanted = f"a number from {lowest:g} to {highest:g}"
                wanted = f"(low, high), low no higher than high, each {wanted}" if pair else wanted
                problems.append(f"{field.name}: expected {wanted}; found {value}")
        if problems:
            raise HilumErrors("view policy", problems, fix="change the values named below.")


_TINY = 1e-3
_BOUNDS = {
    "crop_area": (_TINY, 1.0),
    "crop_aspect": (_TINY, 1 / _TINY),
    "rotate": (0.0, 180.0),
    "shift": (0.0, 0.5),
    "scale": (_TINY, 1 / _TINY),
    "flip": (0.0, 1.0),
    "brightness": (0.0, 1.0),
    "contrast": (0.0, 1.0),
    "blur_probability": (0.0, 1.0),
    "blur_sigma": (_TINY, 50.0),
}

_CONTRASTIVE = ViewPolicy(
    crop_area=(0.5, 1.0),
    crop_aspect=(3 / 4, 4 / 3),
    rotate=10.0,
    flip=0.5,
    brightness=0.2,
    contrast=0.2,
    blur_probability=0.5,
    blur_sigma=(0.1, 1.0),
)

POLICIES: Mapping[str, ViewPolicy] = MappingProxyType(
    {
        "none": ViewPolicy(),
        # Kivotova 2021, §4.3.1, made for supervised training on CheXpert: ±15°, ±5 % of the side, 0.95 to 1.05, flip.
        "finetune": ViewPolicy(rotate=15.0, shift=0.05, scale=(0.95, 1.05), flip=0.5),
        # Chen et al. 2020 (SimCLR), appendix A, in a gentle form: a crop of 8 % of the area, the default there, leaves
        # no lung to agree about. Rotation as MoCo-CXR (Sowrirajan et al. 2021); aspect as torchvision's crop.
        "simclr": _CONTRASTIVE,
        # MoCo v2 (Chen et al. 2020b) is, by definition, MoCo with SimCLR's views and head. Kivotova 2021, §4.3.2, takes
        # "finetune" instead, where two views share grey levels and frame, an easy way to tell films apart.
        "mocov2": _CONTRASTIVE,
        # Woo et al. 2023 (ConvNeXt V2), appendix A.1: random resized crop and flip, nothing else; their crop keeps from
        # a fifth of the area on.
        "fcmae": ViewPolicy(crop_area=(0.5, 1.0), crop_aspect=(3 / 4, 4 / 3), flip=0.5),
        # Multi-crop (Caron et al. 2020, SwAV, appendix A) takes 5 to 14 % of the area on ImageNet. A twentieth of a
        # chest film is a piece of rib; a tenth to a half holds a lung field.
        "local": replace(_CONTRASTIVE, crop_area=(0.1, 0.5)),
    }
)
"""Named policies, to be chosen in a study file."""
