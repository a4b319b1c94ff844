"""Presets of pretraining: values of settings by number of images, each with its reason, from `presets.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from hilum.pretext.methods import method_problems
from hilum.pretext.settings.run import PresetName, SingleRunSettings, problems_of_run
from hilum.training.preset_tables import PresetRow, nearest_preset as nearest, read_preset_table

IMAGES: Mapping[PresetName, int] = {"1k": 1_000, "10k": 10_000, "100k": 100_000, "1M": 1_000_000}
"""Number of images of each preset."""
OF_ANY = "any"


@dataclass(frozen=True)
class PresetValue:
    """A value of a preset.

    Attributes:
        value: Value of the setting; None if the method's own rule applies.
        reason: Reason for the value.
    """

    value: Any
    reason: str


def nearest_preset(images: int) -> PresetName:
    """Return the preset whose number of images is nearest on the logarithmic scale."""
    return nearest(IMAGES, images)


def preset(method: str, name: PresetName) -> dict[str, PresetValue]:
    """Return the values of a preset for a method, by setting of the run or of the method.

    Args:
        method: A name of `hilum.pretext.methods.registry.METHODS`; a method without own values gets those for any.
        name: Name of the preset.
    """
    table = _table()
    rows = table[OF_ANY] | table.get(method, {})
    return {setting: PresetValue(row.values[name], row.why[name]) for setting, row in rows.items()}


@cache
def _table() -> dict[str, dict[str, PresetRow]]:
    return read_preset_table("hilum.pretext.settings", IMAGES, value_problem)


def value_problem(part: str, setting: str, value: Any) -> str:
    """Return the problem of a value of a preset table; empty without one.

    Args:
        part: `any`, or a method.
        setting: A setting of a run, or of the method.
        value: Its value; None: the method's own rule.
    """
    if value is None:
        return ""
    if setting in SingleRunSettings.model_fields:
        problems = problems_of_run({setting: value})
    else:
        problems = method_problems(part, {setting: value}) if part != OF_ANY else [(setting, "no such setting")]
    return "; ".join(problem.removeprefix(f"{setting}: ") for _, problem in problems)
