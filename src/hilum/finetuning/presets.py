"""Presets of training with labels: values of settings that go with the number of labelled images, each with its reason.

The values are data, in `presets.yaml`; a user's own always win.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal

from hilum.finetuning.settings import FinetuneSettings
from hilum.training.preset_tables import GIVEN, PresetRow, ResolvedSetting, read_preset_table
from hilum.training.preset_tables import nearest_preset as nearest

PresetName = Literal["10", "100", "1k", "10k", "100k"]
IMAGES: Mapping[PresetName, int] = {"10": 10, "100": 100, "1k": 1_000, "10k": 10_000, "100k": 100_000}
"""What the names stand for."""

OF_ANY, HEAD_ONLY = "any", "head_only"
NOT_SHOWN = frozenset({"precision", "device", "workers", "checkpoint_every_seconds", "output_type"})
"""Settings of the machine, and what the task decides."""


@dataclass(frozen=True)
class ResolvedFinetuning:
    """All settings of one training with labels.

    Attributes:
        settings: complete.
        preset: whose values fill what was left out.
        images: labelled training images that it was chosen for.
        steps: optimiser steps of a run over so many images, if it does not stop early.
        epochs: of such a run.
        choices: the settings that presets know or that were given, with where each comes from.
        defaults: all others that decide the result, by name.
    """

    settings: FinetuneSettings
    preset: PresetName
    images: int
    steps: int
    epochs: int
    choices: list[ResolvedSetting]
    defaults: dict[str, Any]


def nearest_preset(images: int) -> PresetName:
    """The preset whose number of images is nearest on the logarithmic scale; of two as near, the smaller."""
    return nearest(IMAGES, images)


def resolve_finetuning(given: Mapping[str, Any], images: int) -> ResolvedFinetuning:
    """Fill what was not given: by the preset for about so many labelled images, then by the defaults of the settings.

    Args:
        given: settings by name (`FinetuneSettings`), as far as they were given. `epochs` or `steps` is a length that
            was given: then the preset's budget of steps does not count. With a patience that was given a run is
            validated after every epoch, unless `validations` was given, too; a plateau schedule is, too. How often it
            is validated goes with whose weights are kept: where that was given, and `keep` was not, the lowest loss is.
        images: labelled training images.

    Raises:
        HilumError: values out of range.
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
    return read_preset_table("hilum.finetuning", IMAGES, {field.name for field in fields(FinetuneSettings)})
