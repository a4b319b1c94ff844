"""Named augmentations of `augmentations.yaml`, and parsing of user-defined ones."""

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
"""Key of a user-defined augmentation: name of the one that it is based on."""


@dataclass(frozen=True)
class NamedAugmentation:
    """A named augmentation with its source.

    Attributes:
        augmentation: The ranges.
        made_for: "pretraining", "local" or "fine-tuning".
        source: Paper and section, or "Ours; …".
        left_out: Differences from the source, with reasons; empty for none.
    """

    augmentation: Augmentation
    made_for: str
    source: str
    left_out: str = ""


@cache
def named_augmentations() -> Mapping[str, NamedAugmentation]:
    """Read all augmentations of the table, by name, in its order."""
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
    """Lazily read augmentations of the table."""

    def __getitem__(self, name: str) -> Augmentation:
        return named_augmentations()[name].augmentation

    def __iter__(self) -> Iterator[str]:
        return iter(named_augmentations())

    def __len__(self) -> int:
        return len(named_augmentations())


AUGMENTATIONS: Mapping[str, Augmentation] = _Named()
"""Named augmentations, for study files and --augmentation."""


def augmentation_of(augmentation: str | Augmentation, where: str = "augmentation") -> Augmentation:
    """Return the augmentation of a name, or the augmentation itself; `where` is the place in errors.

    Raises:
        HilumError: Unknown name.
    """
    if isinstance(augmentation, Augmentation):
        return augmentation
    if augmentation not in AUGMENTATIONS:
        near = difflib.get_close_matches(augmentation, AUGMENTATIONS, n=1)
        fix = f"Do you mean {near[0]}?" if near else "`hilum augmentations` lists them all."
        raise HilumError(where, expected=f"one of {', '.join(AUGMENTATIONS)}", found=augmentation, fix=fix)
    return AUGMENTATIONS[augmentation]


def parse_augmentation(content: object, where: object = "view augmentation") -> Augmentation:
    """Parse a user-defined augmentation: ranges by name, optionally based on another (`like: NAME`).

    Args:
        content: Content of YAML, such as {"like": "simclr", "flip": 0, "crop_area": [0.2, 1]}.
        where: Place in errors.

    Raises:
        HilumErrors: All problems, a line each, as `KEY: problem`.
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
    """Read a user-defined augmentation from a YAML file; see `parse_augmentation`.

    Raises:
        HilumError: No such file, or not YAML.
        HilumErrors: All problems of the augmentation.
    """
    try:
        return parse_augmentation(yaml.safe_load(path.read_text(encoding="utf-8")), path)
    except OSError:
        raise HilumError(path, expected="an augmentation's file", found="no file", fix="Check the path.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        found = str(error).splitlines()[0]
        raise HilumError(path, expected="a YAML file", found=found, fix="Write {like: simclr, flip: 0}.") from None


def named_augmentation(augmentation: str) -> str | Augmentation:
    """Check a value of the command line: the name of an augmentation, or the path of a YAML file, which is read.

    Raises:
        HilumError: Unknown name, or the file cannot be read.
    """
    if augmentation.endswith((".yaml", ".yml")):
        return read_augmentation(Path(augmentation))
    augmentation_of(augmentation)
    return augmentation


def as_written(augmentation: object) -> object:
    """Convert a setting to plain data: ranges of an augmentation, a dictionary of settings, or unchanged."""
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
    """Convert lists to tuples and integers to floats, so that 0 and 0.0 are equal."""
    if isinstance(written, list):
        return tuple(_value(each) for each in written)
    return float(written) if isinstance(written, int) and not isinstance(written, bool) else written
