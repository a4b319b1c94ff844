"""Resolution of all settings of a run from given values, presets and defaults, each with its reason."""

import math
from dataclasses import dataclass, fields
from typing import Any

from hilum.augment.library import as_written
from hilum.pretext.methods import method_settings
from hilum.pretext.settings.overrides import SettingOverrides
from hilum.pretext.settings.presets import IMAGES, PresetValue, nearest_preset, preset
from hilum.pretext.settings.pretext import PretextSettings
from hilum.pretext.settings.run import PresetName, SingleRunSettings
from hilum.training.preset_tables import GIVEN, ResolvedSetting
from hilum.wording import counted

LOCAL_CROP_KEYS = ("local_augmentation", "local_size")
"""Settings of methods with local crops only."""
LEAST_BATCHES = 4
"""Minimum batches per epoch: a preset's batch size is halved until a small data set has as many."""


@dataclass(frozen=True)
class ResolvedSettings:
    """All settings of a run.

    Attributes:
        settings: Resolved settings (`PretextSettings.resolved`).
        preset: Preset of the values that were not given.
        why: Reason for this preset.
        choices: Each setting with its origin.
    """

    settings: PretextSettings
    preset: PresetName
    why: str
    choices: list[ResolvedSetting]


def resolve_settings(method: str, overrides: SettingOverrides, images: int, *, from_weights: bool) -> ResolvedSettings:
    """Complete the given settings by a preset for the number of images, then by the method's rules and defaults.

    A preset's batch size is halved until an epoch has four batches. A preset's learning rate is scaled with the square
    root of the batch size (Malladi et al., "On the SDEs and scaling rules for adaptive gradient algorithms", NeurIPS
    2022).

    Args:
        method: A name of `hilum.pretext.methods.registry.METHODS`.
        overrides: Settings given by the user.
        images: Number of training images.
        from_weights: True if the encoder starts from pretrained weights.

    Raises:
        HilumErrors: Settings that the method does not have, or values out of range.
    """
    given = overrides.run.given()
    name = given.pop("preset", None) or nearest_preset(images)
    chosen = preset(method, name)
    scaled = _scaled(chosen, given, images)
    of_run = {each.name for each in fields(PretextSettings)}
    from_preset = {setting: each for setting, each in (chosen | scaled).items() if setting not in given}
    values = {setting: each.value for setting, each in from_preset.items() if setting in of_run} | given
    options = {s: each.value for s, each in from_preset.items() if s not in of_run and each.value is not None}
    settings = PretextSettings(**values, options=options | dict(overrides.options), device=overrides.device)
    settings = settings.resolved(method, images, from_weights=from_weights)
    by = {setting: (f"preset {name}", each.reason) for setting, each in from_preset.items()}
    if "warmup_epochs" in by and settings.warmup_epochs < chosen["warmup_epochs"].value:
        by["warmup_epochs"] = (
            f"preset {name}",
            f"limited to a quarter of the run (preset: {chosen['warmup_epochs'].value:g})",
        )
    return ResolvedSettings(
        settings,
        name,
        _why(name, images, "preset" in overrides.run.model_fields_set),
        _choices(method, settings, given, overrides, by),
    )


def _scaled(chosen: dict[str, PresetValue], given: dict[str, Any], images: int) -> dict[str, PresetValue]:
    """Scale the preset's batch size to few images, and its learning rate to the batch size."""
    size, lr = chosen["batch_size"], chosen["lr"]
    batch = size.value
    while batch > 2 and batch * LEAST_BATCHES > images:
        batch //= 2
    if batch < size.value:
        size = PresetValue(
            batch, f"{size.reason}; halved from {size.value} until {LEAST_BATCHES} batches fit the images"
        )
    taken = given.get("batch_size", batch)
    whole = chosen["batch_size"].value
    if taken != whole:
        rate = float(f"{lr.value * math.sqrt(taken / whole):.3g}")
        lr = PresetValue(rate, f"{lr.reason}; {lr.value:g} at batch size {whole}, square-root scaling")
    return {"batch_size": size, "lr": lr}


def _why(name: PresetName, images: int, overrides: bool) -> str:
    if overrides:
        return f"preset {name}, as given, for {counted(images)}"
    return f"preset {name}: of {', '.join(IMAGES)}, the nearest to {counted(images)} on the logarithmic scale"


def _choices(
    method: str,
    settings: PretextSettings,
    given: dict[str, Any],
    overrides: SettingOverrides,
    by: dict[str, tuple[str, str]],
) -> list[ResolvedSetting]:
    """List the common settings, then those of the method."""
    own = method_settings(method, settings.options)
    has_local_crops = settings.local_augmentation is not None
    choices = []
    for name, field in SingleRunSettings.model_fields.items():
        if name == "preset" or (name in LOCAL_CROP_KEYS and not has_local_crops):
            continue
        origin, reason = (GIVEN, field.description) if name in given else by.get(name, ("", field.description))
        reason = (reason or "").replace("[augmentations](augmentations.md)", "`hilum augmentations`")
        choices.append(ResolvedSetting(name, as_written(getattr(settings, name)), origin, reason))
    for name, field in type(own).model_fields.items():
        origin, reason = (
            (GIVEN, field.description) if name in overrides.options else by.get(name, ("", field.description))
        )
        choices.append(ResolvedSetting(name, getattr(own, name), origin, reason or ""))
    return choices
