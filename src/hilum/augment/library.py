"""Augmentations by name: the table in `augmentations.yaml`, and augmentations that users write."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from pydantic import BaseModel

from hilum.augment.augmentation import Augmentation
from hilum.errors import HilumError, HilumErrors

LIKE = "like"
"""Key of a written augmentation: the name of the one that it starts from."""


@dataclass(frozen=True)
class NamedAugmentation:
    """An augmentation with its source.

    Attributes:
        augmentation: the ranges.
        made_for: "pretraining", "local" or "fine-tuning".
        source: the paper and where in it, or "Ours; …".
        left_out: what the source does and this does not, and why; empty for nothing.
    """

    augmentation: Augmentation
    made_for: str
    source: str
    left_out: str = ""


@cache
def named_augmentations() -> Mapping[str, NamedAugmentation]:
    """All augmentations of the table, by name, in its order."""
    path = Path(__file__).with_name("augmentations.yaml")
    return MappingProxyType(
        {
            name: NamedAugmentation(
                augmentation=_from_ranges(entry["ranges"], f"{path.name}: {name}"),
                made_for=entry["for"],
                source=entry["of"],
                left_out=entry.get("left_out", ""),
            )
            for name, entry in yaml.safe_load(path.read_text(encoding="utf-8")).items()
        }
    )


class _Named(Mapping[str, Augmentation]):
    """The table's augmentations; it is read when one is asked for, not when this module is imported."""

    def __getitem__(self, name: str) -> Augmentation:
        return named_augmentations()[name].augmentation

    def __iter__(self) -> Iterator[str]:
        return iter(named_augmentations())

    def __len__(self) -> int:
        return len(named_augmentations())


AUGMENTATIONS: Mapping[str, Augmentation] = _Named()
"""Named augmentations, to be chosen in a study file or with --augmentation."""


def augmentation_of(augmentation: str | Augmentation, where: str = "augmentation") -> Augmentation:
    """The augmentation of this name, or the augmentation itself; `where` is named in errors.

    Raises:
        HilumError: there is none of this name.
    """
    if isinstance(augmentation, Augmentation):
        return augmentation
    if augmentation not in AUGMENTATIONS:
        near = difflib.get_close_matches(augmentation, AUGMENTATIONS, n=1)
        fix = f"Do you mean {near[0]}?" if near else "`hilum augmentations` lists them all."
        raise HilumError(where, expected=f"one of {', '.join(AUGMENTATIONS)}", found=augmentation, fix=fix)
    return AUGMENTATIONS[augmentation]


def parse_augmentation(content: object, where: object = "view augmentation") -> Augmentation:
    """An augmentation that a user wrote: ranges by name, and `like: NAME` for what they start from.

    Args:
        content: as read from YAML, such as {"like": "simclr", "flip": 0, "crop_area": [0.2, 1]}.
        where: named in errors.

    Raises:
        HilumErrors: everything that is wrong with it, a line each, as `KEY: what`.
    """
    if not isinstance(content, dict):
        known = ", ".join(field.name for field in fields(Augmentation))
        raise HilumErrors(where, [f"expected ranges by name; found {content!r}"], fix=f"its keys are like, {known}")
    ranges = dict(content)
    like = ranges.pop(LIKE, "none")
    problems = []
    if not isinstance(like, str) or like not in AUGMENTATIONS:
        near = difflib.get_close_matches(str(like), AUGMENTATIONS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        problems.append(f"{LIKE}: {like!r} is not a named augmentation{hint}")
        like = "none"
    try:
        return _from_ranges(ranges, where, AUGMENTATIONS[like], problems)
    except HilumErrors as error:
        raise HilumErrors(where, error.problems, fix="change the values named below.") from None


def read_augmentation(path: Path) -> Augmentation:
    """An augmentation that a user wrote to a YAML file; see `parse_augmentation`.

    Raises:
        HilumError: no such file, or no YAML.
        HilumErrors: everything that is wrong with the augmentation.
    """
    try:
        return parse_augmentation(yaml.safe_load(path.read_text(encoding="utf-8")), path)
    except OSError:
        raise HilumError(path, expected="an augmentation's file", found="no file", fix="Check the path.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        found = str(error).splitlines()[0]
        raise HilumError(path, expected="a YAML file", found=found, fix="Write {like: simclr, flip: 0}.") from None


def named_augmentation(augmentation: str) -> str | Augmentation:
    """A value of the command line: the name of an augmentation, or the path of one's YAML file.

    Raises:
        HilumError: no augmentation of this name, or nothing that can be read there.
    """
    if augmentation.endswith((".yaml", ".yml")):
        return read_augmentation(Path(augmentation))
    augmentation_of(augmentation)
    return augmentation


def as_written(augmentation: object) -> object:
    """Plain data to print or hash: the ranges of an augmentation, a dictionary of settings, anything else unchanged."""
    if isinstance(augmentation, BaseModel):
        return augmentation.model_dump()
    if isinstance(augmentation, Augmentation):
        return augmentation.ranges()
    return asdict(augmentation) if is_dataclass(augmentation) and not isinstance(augmentation, type) else augmentation


def _from_ranges(
    ranges: Mapping[str, Any], where: object, base: Augmentation | None = None, problems: list[str] | None = None
) -> Augmentation:
    known = [field.name for field in fields(Augmentation)]
    problems = list(problems or [])
    for name in ranges:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
            problems.append(f"{name}: is not a range of views; {hint}")
    values = {name: _value(value) for name, value in ranges.items()}
    augmentation = Augmentation()
    try:
        start = {} if base is None else base.ranges()
        augmentation = Augmentation(**start | {name: value for name, value in values.items() if name in known})
    except HilumErrors as error:
        problems += error.problems
    if problems:
        raise HilumErrors(where, problems, fix="change the values named below.")
    return augmentation


def _value(written: Any) -> Any:
    """Lists of YAML become pairs, and whole numbers floats: 0 and 0.0 are one augmentation."""
    if isinstance(written, list):
        return tuple(_value(each) for each in written)
    return float(written) if isinstance(written, int) and not isinstance(written, bool) else written
