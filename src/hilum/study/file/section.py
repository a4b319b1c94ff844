"""What all parts of a study file share: strictness, and the names of findings."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from hilum.errors import HilumError
from hilum.findings import canonical


def canonical_finding(name: str) -> str:
    """The canonical name of a finding, as a validator.

    Raises:
        ValueError: the vocabulary has no such finding.
    """
    try:
        return canonical(name)
    except HilumError as error:
        raise ValueError(f"{error.found} is not a finding that is known here. {error.fix}") from None


FindingName = Annotated[str, AfterValidator(canonical_finding)]


def _usable_as_folder(name: str) -> str:
    if not name.isprintable() or not name.strip() or len(name.encode("utf-8", "replace")) > _LONGEST_NAME:
        raise ValueError(f"{name[:40]!r} is no name: use 1 to {_LONGEST_NAME} printable letters")
    if name.startswith(".") or "/" in name or "\\" in name:
        raise ValueError(f"{name!r} cannot name a folder: leave out slashes, and a dot in front")
    return name


_LONGEST_NAME = 100

Name = Annotated[str, AfterValidator(_usable_as_folder)]
"""Of an arm or a data set: a folder of the study gets it."""

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
"""As scikit-learn's and NumPy's `random_state`."""


class Section(BaseModel):
    """A part of the study file: unknown keys are errors, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


FOLDER_LABELS = Path("labels.csv")
"""Where a generated `folder` keeps its labels."""


def percent_of(fraction: float) -> float:
    """A fraction as percent: a whole number where it is one, without the noise of binary fractions."""
    percent = round(100 * fraction, 9)
    return int(percent) if percent == int(percent) else percent


def fraction_not_percent(value: object) -> object:
    """Refuse percents where fractions are asked for, as a validator.

    Raises:
        ValueError: names the fraction that is meant.
    """
    numbers: list[Any] = (
        list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else [value]
    )
    if any(_is_number(number) and number > 1 for number in numbers) and all(map(_is_number, numbers)):
        if isinstance(value, dict):
            meant = "{" + ", ".join(f"{name}: {number / 100:g}" for name, number in value.items()) + "}"
        else:
            meant = f"[{', '.join(f'{n / 100:g}' for n in numbers)}]" if isinstance(value, list) else f"{value / 100:g}"  # type: ignore[operator]
        raise ValueError(f"{value} is in percent, but a fraction is expected; write {meant}")
    return value


def whole_percent(fraction: float) -> float:
    """A fraction that is a whole number of hundredths, as a validator: patients are dealt out in blocks of 100.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(percent_of(fraction), int):
        raise ValueError(f"{fraction:g} is no whole number of hundredths; write {round(fraction, 2):g}")
    return fraction


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
