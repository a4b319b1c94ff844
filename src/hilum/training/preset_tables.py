"""Preset tables: values of settings by number of images, each with a reason, read from a YAML file."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, TypeVar

from hilum.errors import HilumErrors
from hilum.yaml_loader import load_yaml

GIVEN = "given"
"""Origin of a setting that the user gave."""
_TABLE = "presets.yaml"
_OTHERWISE = "otherwise"
Name = TypeVar("Name", bound=str)


@dataclass(frozen=True)
class PresetRow:
    """One setting of a preset table.

    Attributes:
        values: Value by preset.
        why: Reason by preset.
    """

    values: Mapping[str, Any]
    why: Mapping[str, str]


@dataclass(frozen=True)
class ResolvedSetting:
    """One setting of a run, for display.

    Attributes:
        name: Name of the setting.
        value: Value in the run; None for none, or if it depends on the stored images.
        origin: "given" by the user, "preset NAME", or "" for a default.
        reason: Reason for the value, or description of the setting; may be empty for a given value.
    """

    name: str
    value: Any
    origin: str
    reason: str


def nearest_preset(sizes: Mapping[Name, int], images: int) -> Name:
    """Return the preset whose number of images is nearest on the logarithmic scale; of two equally near, the smaller.

    Args:
        sizes: Number of images by preset.
        images: Number of images.
    """
    return min(sizes, key=lambda name: (abs(math.log10(sizes[name] / max(images, 1))), sizes[name]))


def read_preset_table(
    package: str, sizes: Collection[str], known: Collection[str] | None = None
) -> dict[str, dict[str, PresetRow]]:
    """Read `presets.yaml` of a package: part of the table to setting to values and reasons.

    Args:
        package: Package that contains the file.
        sizes: Names of the presets; each setting needs a value and a reason for each of them.
        known: Names of settings; None: not checked.

    Raises:
        HilumErrors: Everything that is wrong with the table.
    """
    content = load_yaml(files(package).joinpath(_TABLE).read_text(encoding="utf-8"))
    problems: list[str] = []
    table: dict[str, dict[str, PresetRow]] = {}
    for part, rows in content.items():
        table[part] = {}
        for setting, row in rows.items():
            if known is not None and setting not in known:
                problems.append(f"{part}.{setting}: no such setting")
            elif set(row) != {"values", "why"}:
                problems.append(f"{part}.{setting}: expected values and why")
            else:
                values, why = (_by_size(row[key], sizes) for key in ("values", "why"))
                table[part][setting] = PresetRow(values, why)
                problems += [
                    f"{part}.{setting}: expected {', '.join(sizes)}; found {', '.join(each)}"
                    for each in (values, why)
                    if set(each) != set(sizes)
                ]
    if problems:
        raise HilumErrors(_TABLE, problems, fix="fix the table.")
    return table


def _by_size(content: object, sizes: Collection[str]) -> dict[str, Any]:
    """Expand one value for all sizes, or values of some sizes and `otherwise`, to one value for each size."""
    if not isinstance(content, dict):
        return dict.fromkeys(sizes, content)
    by_name = {str(name): each for name, each in content.items()}  # YAML reads 10 and 100 as numbers
    if _OTHERWISE in by_name:
        return dict.fromkeys(sizes, by_name.pop(_OTHERWISE)) | by_name
    return by_name
