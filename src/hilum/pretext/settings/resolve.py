"""From what was given of a run to all of its settings: a preset fills what was left out; each has a reason."""

import math
from dataclasses import dataclass, fields
from typing import Any

from hilum.augment.library import as_written
from hilum.pretext.methods import method_settings
from hilum.pretext.settings.overrides import SettingOverrides
from hilum.pretext.settings.presets import IMAGES, PresetValue, nearest_preset, preset
from hilum.pretext.settings.pretext import PretextSettings
from hilum.pretext.settings.run import PresetName, SingleRunSettings

LEAST_BATCHES = 4
"""An epoch of fewer is hardly one: a preset's batch is halved until a small pool holds as many."""

GIVEN = "given"


@dataclass(frozen=True)
class ResolvedSetting:
    """One setting of a run, for people.

    Attributes:
        name: of the setting.
        value: as it will be; None for nothing, or where the images in the store decide.
        origin: "given" by the user, "preset 1k", or "" for the method's or the library's own.
        reason: what it does, or why it is so.
    """

    name: str
    value: Any
    origin: str
    reason: str


@dataclass(frozen=True)
class ResolvedSettings:
    """All settings of a run.

    Attributes:
        settings: with a value for everything that can be known (`PretextSettings.filled`).
        preset: whose values fill what was left out.
        why: this preset, in words.
        choices: each setting with where it comes from.
    """

    settings: PretextSettings
    preset: PresetName
    why: str
    choices: list[ResolvedSetting]


def resolve_settings(method: str, overrides: SettingOverrides, images: int, *, from_weights: bool) -> ResolvedSettings:
    """Fill what was not given: by the preset for about so many images, then by the method's rules and defaults.

    A preset's batch size is halved until four batches fit the images. A preset's learning rate goes with the root of
    the batch size, which is how Adam's noise scales (Malladi et al., "On the SDEs and scaling rules for adaptive
    gradient algorithms", NeurIPS 2022).

    Args:
        method: one of `hilum.pretext.methods.registry.METHODS`.
        overrides: by the user.
        images: to learn from.
        from_weights: the encoder does not start at random.

    Raises:
        HilumErrors: settings that the method does not have, or values out of range.
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
        by["warmup_epochs"] = (f"preset {name}", f"a quarter of the run, not {chosen['warmup_epochs'].value:g}")
    return ResolvedSettings(
        settings,
        name,
        _why(name, images, "preset" in overrides.run.model_fields_set),
        _choices(method, settings, given, overrides, by),
    )


def _scaled(chosen: dict[str, PresetValue], given: dict[str, Any], images: int) -> dict[str, PresetValue]:
    """The preset's batch size for so few images, and its learning rate for another batch size."""
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
        lr = PresetValue(rate, f"{lr.reason}; {lr.value:g} at batch {whole}, by the root of the batch size")
    return {"batch_size": size, "lr": lr}


def _why(name: PresetName, images: int, overrides: bool) -> str:
    if overrides:
        return f"preset {name}, as given, for {images:,} images"
    return f"preset {name}: of {', '.join(IMAGES)}, the nearest to {images:,} images on the logarithmic scale"


def _choices(
    method: str,
    settings: PretextSettings,
    given: dict[str, Any],
    overrides: SettingOverrides,
    by: dict[str, tuple[str, str]],
) -> list[ResolvedSetting]:
    """Settings of every run first, then the method's own."""
    own = method_settings(method, settings.options)
    has_local_views = settings.local_augmentation is not None
    choices = []
    for name, field in SingleRunSettings.model_fields.items():
        if name == "preset" or (name.startswith("local_") and not has_local_views):
            continue
        origin, reason = (GIVEN, field.description) if name in given else by.get(name, ("", field.description))
        choices.append(ResolvedSetting(name, as_written(getattr(settings, name)), origin, reason or ""))
    for name, field in type(own).model_fields.items():
        origin, reason = (
            (GIVEN, field.description) if name in overrides.options else by.get(name, ("", field.description))
        )
        choices.append(ResolvedSetting(name, getattr(own, name), origin, reason or ""))
    return choices
