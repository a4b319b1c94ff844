"""What all parts of a study file share: strictness, and the names of findings."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

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


class Section(BaseModel):
    """A part of the study file: unknown keys are errors, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)
