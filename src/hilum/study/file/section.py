"""Base model and validators shared by all sections of a study file."""

from pathlib import Path
from typing import Annotated, Any, TypeGuard

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from hilum.declared import text_of
from hilum.errors import HilumError
from hilum.findings import canonical


def canonical_finding(name: str) -> str:
    """Validate a finding and return its canonical name.

    Raises:
        ValueError: Unknown finding.
    """
    try:
        return canonical(name)
    except HilumError as error:
        raise ValueError(f"{error.found} is not a known finding. {error.fix}") from None


FindingName = Annotated[str, AfterValidator(canonical_finding)]


def _usable_as_folder(name: str) -> str:
    if not name.isprintable() or not name.strip() or len(name.encode("utf-8", "replace")) > _LONGEST_NAME:
        raise ValueError(f"{name[:40]!r} is not a name: use 1 to {_LONGEST_NAME} printable characters")
    if name.startswith(".") or "/" in name or "\\" in name:
        raise ValueError(f"{name!r} cannot be a folder name: remove slashes and a leading dot")
    return name


_LONGEST_NAME = 100

Name = Annotated[str, AfterValidator(_usable_as_folder)]
"""Name of an arm, a task or a data set; also the name of a folder."""


class Section(BaseModel):
    """Section of a study file: immutable, unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


FOLDER_LABELS = Path("labels.csv")
"""Label table of a generated data set of the `folder` collection."""


def percent_of(fraction: float) -> float:
    """Convert a fraction to percent, rounded to 9 decimals; int if it is whole."""
    percent = round(100 * fraction, 9)
    return int(percent) if percent == int(percent) else percent


def fraction_not_percent(value: object) -> object:
    """Validate that values are fractions, not percent.

    Raises:
        ValueError: A value is above 1; the message gives the intended fraction.
    """
    numbers: list[Any] = (
        list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else [value]
    )
    if any(is_number(number) and number > 1 for number in numbers) and all(map(is_number, numbers)):
        if isinstance(value, dict):
            meant = "{" + ", ".join(f"{name}: {number / 100:g}" for name, number in value.items()) + "}"
        else:
            meant = f"[{', '.join(f'{n / 100:g}' for n in numbers)}]" if isinstance(value, list) else f"{value / 100:g}"  # type: ignore[operator]
        raise ValueError(f"{value} is in percent, but a fraction is expected; write {meant}")
    return value


def whole_percent(fraction: float) -> float:
    """Validate that a fraction is a whole number of hundredths: patients are assigned in blocks of 100.

    Raises:
        ValueError: It has more than two decimals.
    """
    if not isinstance(percent_of(fraction), int):
        raise ValueError(f"{fraction:g} has more than two decimals; write {round(fraction, 2):g}")
    return fraction


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is an int or float, and not a bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def declared_field(declared: type, name: str) -> Any:
    """Return a field with the default and the description of a setting of a dataclass, whose docstring has its text."""
    return Field(getattr(declared, name), description=text_of(declared, name))
