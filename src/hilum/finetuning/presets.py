"""Presets of fine-tuning: settings by number of labelled images, each with its reason.

The values are in `presets.yaml`; settings of the user take precedence.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from hilum.errors import HilumErrors
from hilum.finetuning.settings import FinetuneSettings

PresetName = Literal["10", "100", "1k", "10k", "100k"]
IMAGES: Mapping[PresetName, int] = {"10": 10, "100": 100, "1k": 1_000, "10k": 10_000, "100k": 100_000}
"""Labelled images of each preset."""

OF_ANY, HEAD_ONLY = "any", "head_only"
_TABLE = "presets.yaml"
_OTHERWISE = "otherwise"
GIVEN = "given"
NOT_SHOWN = frozenset({"precision", "device", "workers", "checkpoint_every_seconds", "output_type"})
"""Settings of the machine, and those determined by the task."""


@dataclass(frozen=True)
class ResolvedSetting:
    """One setting of a run, for display.

    Attributes:
        name: Name of the setting.
        value: Resolved value; None for none.
        origin: "given" by the user, or for example "preset 100".
        reason: Reason of the preset; empty for settings of the user.
    """

    name: str
    value: Any
    origin: str
    reason: str


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
    return min(IMAGES, key=lambda name: (abs(math.log10(IMAGES[name] / max(images, 1))), IMAGES[name]))


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


def _by_size(choices: object) -> object:
    """Expand one value, or values of some sizes and `otherwise`, to all sizes."""
    if not isinstance(choices, dict):
        return dict.fromkeys(IMAGES, choices)
    choices = {str(name): each for name, each in choices.items()}  # 10 and 100 are numbers to YAML
    rest = {name: choices[_OTHERWISE] for name in IMAGES if _OTHERWISE in choices}
    return rest | {name: each for name, each in choices.items() if name != _OTHERWISE}


class _Row(BaseModel):
    """One setting: a value and a reason for each size."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    values: Annotated[dict[PresetName, Any], BeforeValidator(_by_size)]
    why: Annotated[dict[PresetName, str], BeforeValidator(_by_size)]

    @model_validator(mode="after")
    def _complete(self) -> "_Row":
        for part in (self.values, self.why):
            if missing := [name for name in get_args(PresetName) if name not in part]:
                raise ValueError(f"nothing for {', '.join(missing)}")
        return self


@cache
def _read_table() -> dict[str, dict[str, _Row]]:
    content = yaml.safe_load(files("hilum.finetuning").joinpath(_TABLE).read_text(encoding="utf-8"))
    known = {field.name for field in fields(FinetuneSettings)}
    problems: list[str] = []
    table: dict[str, dict[str, _Row]] = {}
    for part, rows in content.items():
        table[part] = {}
        for setting, row in rows.items():
            if setting not in known:
                problems.append(f"{part}.{setting}: no setting of training with labels")
                continue
            try:
                table[part][setting] = _Row.model_validate(row)
            except ValidationError as error:
                problems += [f"{part}.{setting}: {each['msg']}" for each in error.errors()]
    if problems:
        raise HilumErrors(_TABLE, problems, fix="fix the table.")
    return table
