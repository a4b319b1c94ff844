"""Presets: values of settings that go with the number of images, each with its reason.

The values are data, in `presets.yaml`; a user's own always win.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from hilum.errors import HilumErrors
from hilum.pretext.settings.run import PresetName

IMAGES: Mapping[PresetName, int] = {"1k": 1_000, "10k": 10_000, "100k": 100_000, "1M": 1_000_000}
"""What the names stand for."""

OF_ANY = "any"
_TABLE = "presets.yaml"
_OTHERWISE = "otherwise"


@dataclass(frozen=True)
class PresetValue:
    """A value of a preset.

    Attributes:
        value: None where the method's own rule decides.
        reason: why.
    """

    value: Any
    reason: str


def nearest_preset(images: int) -> PresetName:
    """The preset whose number of images is nearest on the logarithmic scale; of two as near, the smaller."""
    return min(IMAGES, key=lambda name: (abs(math.log10(IMAGES[name] / images)), IMAGES[name]))


def preset(method: str, name: PresetName) -> dict[str, PresetValue]:
    """Values for a method by setting: those of the run, and the method's own.

    Args:
        method: a name of `hilum.pretext.methods.registry.METHODS`; one that the table does not know has what holds for
            any.
        name: of the preset.
    """
    table = _read_table()
    rows = table[OF_ANY] | table.get(method, {})
    return {setting: PresetValue(row.values[name], row.why[name]) for setting, row in rows.items()}


def _by_size(content: object) -> object:
    """Of one thing for all sizes, or of some sizes and `otherwise`: one for each."""
    if not isinstance(content, dict):
        return dict.fromkeys(IMAGES, content)
    rest = {name: content[_OTHERWISE] for name in IMAGES if _OTHERWISE in content}
    return rest | {name: each for name, each in content.items() if name != _OTHERWISE}


class _Row(BaseModel):
    """One setting: its values and reasons, a value and a reason for each size."""

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
    content = yaml.safe_load(files("hilum.pretext.settings").joinpath(_TABLE).read_text(encoding="utf-8"))
    problems: list[str] = []
    table: dict[str, dict[str, _Row]] = {}
    for method, rows in content.items():
        table[method] = {}
        for setting, row in rows.items():
            try:
                table[method][setting] = _Row.model_validate(row)
            except ValidationError as error:
                problems += [f"{method}.{setting}: {each['msg']}" for each in error.errors()]
    if problems:
        raise HilumErrors(_TABLE, problems, fix="fix the table.")
    return table
