"""Preset tables: values of settings by number of images, each with a reason, read from a YAML file."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib.resources import files
from operator import itemgetter
from typing import Any, TypeVar

from hilum.errors import HilumErrors
from hilum.yaml_loader import key_lines, load_yaml

GIVEN = "given"
"""Origin of a setting that the user gave."""
_OTHERWISE = "otherwise"
Name = TypeVar("Name", bound=str)
Check = Callable[[str, str, Any], str]
"""Function of a part of a preset table, a setting and a value: the problem of the value, or an empty text."""


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


def read_preset_table(package: str, sizes: Collection[str], check: Check) -> dict[str, dict[str, PresetRow]]:
    """Read `presets.yaml` of a package; see `parse_preset_table`."""
    file = files(package).joinpath("presets.yaml")
    return parse_preset_table(file.read_text(encoding="utf-8"), file, sizes, check)


def parse_preset_table(
    text: str, where: object, sizes: Collection[str], check: Check
) -> dict[str, dict[str, PresetRow]]:
    """Parse a preset table: part of the table to setting to values and reasons.

    Args:
        text: Content of the file.
        where: Name of the file.
        sizes: Names of the presets, its columns; each setting needs a value and a reason for each of them.
        check: Returns the problem of a value of a setting in a part of the table; empty without one.

    Raises:
        HilumErrors: Everything that is wrong with the table, each with its line.
    """
    content, lines = load_yaml(text), key_lines(text)
    problems: list[tuple[int, str]] = []

    def report(path: tuple[str, ...], problem: str) -> None:
        line = next(lines[path[:length]] for length in range(len(path), 0, -1) if path[:length] in lines)
        problems.append((line, f"line {line}: {'.'.join(path)}: {problem}"))

    table: dict[str, dict[str, PresetRow]] = {}
    for part, rows in content.items():
        table[part] = {}
        for setting, row in rows.items():
            if not isinstance(row, dict) or set(row) != {"values", "why"}:
                found = ", ".join(map(str, row)) if isinstance(row, dict) else repr(row)
                report((part, setting), f"expected values and why; found {found}. Add the other one.")
                continue
            values, why = (_by_size(row[key], sizes) for key in ("values", "why"))
            table[part][setting] = PresetRow(values, why)
            for key, each in (("values", values), ("why", why)):
                for size in [size for size in sizes if size not in each]:
                    report((part, setting, key, size), "expected an entry; found none. Add it, or `otherwise`.")
                for size in [size for size in each if size not in sizes]:
                    report((part, setting, key, size), f"expected one of {', '.join(sizes)}; found {size}. Rename it.")
            wrong = {size: check(part, setting, value) for size, value in values.items() if size in sizes}
            for problem in dict.fromkeys(filter(None, wrong.values())):
                size = next(size for size, each in wrong.items() if each == problem)
                report((part, setting, "values", size), problem)
    if problems:
        raise HilumErrors(where, [text for _, text in sorted(problems, key=itemgetter(0))], fix="edit these lines")
    return table


def _by_size(content: object, sizes: Collection[str]) -> dict[str, Any]:
    """Expand one value for all sizes, or values of some sizes and `otherwise`, to one value for each size."""
    if not isinstance(content, dict):
        return dict.fromkeys(sizes, content)
    by_name = {str(name): each for name, each in content.items()}  # YAML reads 10 and 100 as numbers
    if _OTHERWISE in by_name:
        return dict.fromkeys(sizes, by_name.pop(_OTHERWISE)) | by_name
    return by_name
