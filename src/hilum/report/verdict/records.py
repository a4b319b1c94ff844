"""What a verdict says beside its numbers, as records with codes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class VerdictCode(StrEnum):
    """What a record is about."""

    FEW_SEEDS = "few_seeds"
    """A difference is shown, but by one or two seeds: a hint, not a finding."""
    BASELINE_NOT_BEATEN = "baseline_not_beaten"
    """Pretraining is not shown to beat a model that sees next to nothing of an image."""
    RUNS = "runs"
    """Number of seeds, and what one run differs from the next by."""
    REPEAT = "repeat"
    """Chance that as many new seeds show it again."""
    SHARED_START = "shared_start"
    """All seeds of an arm go on from one training of its start: what is shown is about that one."""
    JOINT = "joint"
    """Whether any of three or more arms differs from any other."""
    ABOVE_MARGIN = "above_margin"
    """The whole interval is beyond the margin: it matters."""
    AROUND_MARGIN = "around_margin"
    """It is shown that there is a difference, but not that it is large enough to matter."""
    BELOW_MARGIN = "below_margin"
    """The whole interval is within the margin: whatever there is does not matter."""
    SETTLED_BY_SEEDS = "settled_by_seeds"
    """So many seeds would show the difference."""
    SETTLED_BY_PATIENTS = "settled_by_patients"
    """So many times as many test patients would show it."""
    NOT_SETTLED = "not_settled"
    """Neither would."""
    LOOK = "look"
    """Which of several announced looks this is."""
    UNANNOUNCED_LOOK = "unannounced_look"
    """Seeds were added and looked at without having been announced."""


@dataclass(frozen=True)
class VerdictRecord:
    """One thing that a verdict says.

    Attributes:
        code: what it is about.
        sentence: for people.
        arm, reference: the comparison; None where it is about all.
        values: the numbers in it, by name.
    """

    code: VerdictCode
    sentence: str
    arm: str | None = None
    reference: str | None = None
    values: Mapping[str, float | int | str | None] = field(default_factory=dict)
