"""Policies in words, for tables and people."""

from hilum.augment.policy import Range, ViewPolicy


def in_words(policy: ViewPolicy) -> str:
    """What a policy does, such as "crop to 50–100 % of the area, rotation ±10°, mirror image 50 %"."""
    parts = [*_geometry(policy), *_grays(policy), *_erasing(policy)]
    return ", ".join(parts) or "nothing"


def _geometry(policy: ViewPolicy) -> list[str]:
    parts = []
    if policy.crop_area != (1.0, 1.0):
        aspect = "" if policy.crop_aspect == (1.0, 1.0) else f" (aspect {_range(policy.crop_aspect)})"
        parts.append(f"crop to {_percent(policy.crop_area)} of the area{aspect}")
    elif policy.crop_aspect != (1.0, 1.0):
        parts.append(f"crop to aspect {_range(policy.crop_aspect)}")
    if policy.keep_lungs:
        parts.append(f"at least {_percent(policy.keep_lungs)} of the lungs")
    if policy.rotate:
        parts.append(f"rotation ±{policy.rotate:g}°")
    if policy.shift:
        parts.append(f"shift ±{_percent(policy.shift)} of the side")
    if policy.scale != (1.0, 1.0):
        parts.append(f"scale {_range(policy.scale)}")
    if policy.flip:
        parts.append(f"mirror image {_percent(policy.flip)}")
    return parts


def _grays(policy: ViewPolicy) -> list[str]:
    parts = []
    if policy.brightness:
        parts.append(f"brightness ±{_percent(policy.brightness)}")
    if policy.contrast:
        parts.append(f"contrast ±{_percent(policy.contrast)}")
    if policy.gamma != (1.0, 1.0):
        parts.append(f"gamma {_range(policy.gamma)}")
    if parts and policy.jitter_probability < 1:
        parts[-1] += f" (all in {_percent(policy.jitter_probability)} of the views)"
    if policy.blur_probability:
        parts.append(f"blur {_percent(policy.blur_probability)} (σ {_range(policy.blur_sigma)} px)")
    if policy.solarize_probability:
        parts.append(f"solarisation {_percent(policy.solarize_probability)}")
    if policy.noise[1]:
        parts.append(f"noise (σ {_percent(policy.noise)} of white)")
    return parts


def _erasing(policy: ViewPolicy) -> list[str]:
    if not policy.erase_probability:
        return []
    lungs = f", at most {_percent(policy.erase_lungs)} of the lungs" if policy.erase_lungs < 1 else ""
    return [f"erasing {_percent(policy.erase_probability)} ({_percent(policy.erase_area)} of the view{lungs})"]


def _range(ends: Range, factor: float = 1.0) -> str:
    low, high = (f"{round(end * factor, 2):g}" for end in ends)
    return low if low == high else f"{low}–{high}"


def _percent(share: float | Range) -> str:
    return f"{_range(share if isinstance(share, tuple) else (share, share), 100)} %"
