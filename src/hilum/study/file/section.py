"""What all parts of a study file share: strictness, and the names of findings."""

from pathlib import Path
from typing import Annotated

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
