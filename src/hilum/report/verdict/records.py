"""Statements of a verdict as records with codes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class VerdictCode(StrEnum):
    """Code of a statement."""

    FEW_SEEDS = "few_seeds"
    """A difference is significant, but with one or two seeds: preliminary."""
    BASELINE_NOT_BEATEN = "baseline_not_beaten"
    """A pretrained arm is not significantly better than a shortcut baseline."""
    RUNS = "runs"
    """Number of seeds, and standard deviation between training runs."""
    REPEAT = "repeat"
    """Probability that a replication with as many new seeds is significant."""
    SHARED_START = "shared_start"
    """All seeds of an arm are fine-tuned from one pretraining run."""
    JOINT = "joint"
    """Joint test of three or more arms."""
    ABOVE_MARGIN = "above_margin"
    """The interval is beyond the margin: the difference is relevant."""
    AROUND_MARGIN = "around_margin"
    """The difference is significant, but its relevance is not."""
    BELOW_MARGIN = "below_margin"
    """The interval is within the margin: any difference is irrelevant."""
    SETTLED_BY_SEEDS = "settled_by_seeds"
    """Number of seeds that would detect the difference."""
    SETTLED_BY_PATIENTS = "settled_by_patients"
    """Factor of test patients that would detect it."""
    NOT_SETTLED = "not_settled"
    """Neither more seeds nor more test patients within the limits would detect it."""
    LOOK = "look"
    """Number of this look of several planned looks."""
    UNANNOUNCED_LOOK = "unannounced_look"
    """A look that was not planned, after adding seeds."""


@dataclass(frozen=True)
class VerdictRecord:
    """Statement of a verdict.

    Attributes:
        code: Code of the statement.
        sentence: Text for readers.
        arm, reference: Comparison; None if it is about all arms.
        values: Numbers of the statement by name.
    """

    code: VerdictCode
    sentence: str
    arm: str | None = None
    reference: str | None = None
    values: Mapping[str, float | int | str | None] = field(default_factory=dict)
