"""Text descriptions of augmentations."""

from hilum.augment.augmentation import Augmentation, Range


def describe_augmentation(augmentation: Augmentation) -> str:
    """Describe an augmentation, as in "crop to 50–100 % of the area, rotation ±10°, horizontal flip 50 %"."""
    parts = [*_geometry(augmentation), *_grays(augmentation), *_erasing(augmentation)]
    return ", ".join(parts) or "nothing"


def _geometry(augmentation: Augmentation) -> list[str]:
    parts = []
    if augmentation.crop_area != (1.0, 1.0):
        aspect = "" if augmentation.crop_aspect == (1.0, 1.0) else f" (aspect {_range(augmentation.crop_aspect)})"
        parts.append(f"crop to {_percent(augmentation.crop_area)} of the area{aspect}")
    elif augmentation.crop_aspect != (1.0, 1.0):
        parts.append(f"crop to aspect {_range(augmentation.crop_aspect)}")
    if augmentation.keep_lungs:
        parts.append(f"at least {_percent(augmentation.keep_lungs)} of the lungs")
    if augmentation.rotate:
        parts.append(f"rotation ±{augmentation.rotate:g}°")
    if augmentation.shift:
        parts.append(f"shift ±{_percent(augmentation.shift)} of the side")
    if augmentation.scale != (1.0, 1.0):
        parts.append(f"scale {_range(augmentation.scale)}")
    if augmentation.flip:
        parts.append(f"horizontal flip {_percent(augmentation.flip)}")
    return parts


def _grays(augmentation: Augmentation) -> list[str]:
    parts = []
    if augmentation.brightness:
        parts.append(f"brightness ±{_percent(augmentation.brightness)}")
    if augmentation.contrast:
        parts.append(f"contrast ±{_percent(augmentation.contrast)}")
    if augmentation.gamma != (1.0, 1.0):
        parts.append(f"gamma {_range(augmentation.gamma)}")
    if parts and augmentation.jitter_probability < 1:
        parts[-1] += f" (all in {_percent(augmentation.jitter_probability)} of the views)"
    if augmentation.blur_probability:
        parts.append(f"blur {_percent(augmentation.blur_probability)} (σ {_range(augmentation.blur_sigma)} px)")
    if augmentation.solarize_probability:
        parts.append(f"solarisation {_percent(augmentation.solarize_probability)}")
    if augmentation.noise[1]:
        parts.append(f"noise (σ {_percent(augmentation.noise)} of white)")
    return parts


def _erasing(augmentation: Augmentation) -> list[str]:
    if not augmentation.erase_probability:
        return []
    lungs = f", at most {_percent(augmentation.erase_lungs)} of the lungs" if augmentation.erase_lungs < 1 else ""
    return [
        f"erasing {_percent(augmentation.erase_probability)} ({_percent(augmentation.erase_area)} of the view{lungs})"
    ]


def _range(ends: Range, factor: float = 1.0) -> str:
    low, high = (f"{round(end * factor, 2):g}" for end in ends)
    return low if low == high else f"{low}–{high}"


def _percent(fraction: float | Range) -> str:
    return f"{_range(fraction if isinstance(fraction, tuple) else (fraction, fraction), 100)} %"
