"""Presets of fine-tuning: settings by number of labelled images, each with its reason.

The values are in `presets.yaml`; settings of the user take precedence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal

from hilum.declared import range_problems
from hilum.finetuning.settings import FinetuneSettings
from hilum.renamed import unknown_name
from hilum.training.preset_tables import GIVEN, PresetRow, ResolvedSetting, nearest_preset as nearest, read_preset_table

PresetName = Literal["10", "100", "1k", "10k", "100k"]
IMAGES: Mapping[PresetName, int] = {"10": 10, "100": 100, "1k": 1_000, "10k": 10_000, "100k": 100_000}
"""Labelled images of each preset."""

OF_ANY, HEAD_ONLY = "any", "head_only"
NOT_SHOWN = frozenset({"precision", "device", "workers", "checkpoint_every_seconds", "output_type"})
"""Settings of the machine, and those determined by the task."""


@dataclass(frozen=True)
class ResolvedFinetuning:
    """All settings of one fine-tuning.

    Attributes:
        settings: Complete settings.
        preset: Preset of the settings that were not given.
        images: Labelled training images the preset was chosen for.
        steps: Optimiser steps without early stopping.
        epochs: Epochs without early stopping.
        choices: Settings of the preset and of the user, each with its origin.
        defaults: All other settings that determine the result, by name.
    """

    settings: FinetuneSettings
    preset: PresetName
    images: int
    steps: int
    epochs: int
    choices: list[ResolvedSetting]
    defaults: dict[str, Any]


def nearest_preset(images: int) -> PresetName:
    """Return the preset with the nearest number of images on the logarithmic scale; the smaller of ties."""
    return nearest(IMAGES, images)


def resolve_finetuning(given: Mapping[str, Any], images: int) -> ResolvedFinetuning:
    """Resolve settings: those given, then the preset of this number of labelled images, then the defaults.

    Args:
        given: Settings of the user by name (`FinetuneSettings`). Given `epochs` or `steps` replace the preset's steps.
            A given patience or a plateau schedule needs a validation after every epoch, unless `validations` is given
            as well. With a given number of validations, and without `keep`, the lowest loss selects the epoch.
        images: Labelled training images.

    Raises:
        HilumError: Values out of range.
    """
    name = nearest_preset(images)
    table = _read_table()
    rows = table[OF_ANY] | (table[HEAD_ONLY] if given.get("unfreeze") == 0 else {})
    length = {"epochs", "steps"} & set(given)
    not_asked = {"steps"} if length else set()
    if given.get("patience") is not None or given.get("schedule") == "plateau":
        not_asked |= {"validations", "keep"}
    if "validations" in given:
        not_asked |= {"keep"}
    filled = {key: row for key, row in rows.items() if key not in {*given, *not_asked}}
    settings = FinetuneSettings(**{key: row.values[name] for key, row in filled.items()} | dict(given))
    choices = [
        ResolvedSetting(key, getattr(settings, key), f"preset {name}", filled[key].why[name])
        if key in filled
        else ResolvedSetting(key, getattr(settings, key), GIVEN, "")
        for key in (*rows, *(["epochs"] if "epochs" in length else []))
        if key in filled or key in given
    ]
    shown = {each.name for each in choices} | NOT_SHOWN
    others = [field.name for field in fields(FinetuneSettings) if field.name not in shown]
    choices += [ResolvedSetting(key, getattr(settings, key), GIVEN, "") for key in others if key in given]
    defaults = {key: getattr(settings, key) for key in others if key not in given and key not in ("epochs", "steps")}
    epochs = settings.epochs_of(images)
    return ResolvedFinetuning(settings, name, images, epochs * settings.batches_of(images), epochs, choices, defaults)


@cache
def _read_table() -> dict[str, dict[str, PresetRow]]:
    return read_preset_table("hilum.finetuning", IMAGES, value_problem)


def value_problem(part: str, setting: str, value: Any) -> str:  # noqa: ARG001 - one table for all parts
    """Return the problem of a value of a preset table; empty without one."""
    known = [field.name for field in fields(FinetuneSettings)]
    if setting not in known:
        return unknown_name(setting, known)
    problems = range_problems(FinetuneSettings, {setting: value})
    return "; ".join(f"expected {each.expected}; found {each.found}" for each in problems)
