"""What the doctor has to say: one row an issue, the worst first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import polars as pl

Severity: TypeAlias = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""Error: numbers computed on these images would be wrong. Warning: likely wrong, or worth a look before training. Note:
good to know."""


@dataclass(frozen=True)
class Issue:
    """Something that was found.

    Attributes:
        severity: "error", "warning" or "note".
        check: what was checked, a few words; the same for all data sets.
        data_set: name; several joined by " and ".
        message: what was found, a sentence with its numbers.
        fix: what to do about it.
        image_ids: the images concerned, all of them; empty where it is not about single images.
        pairs_of: the two data sets (one of them twice) whose pairs of images it is about; None where it is not about
            pairs.
    """

    severity: Severity
    check: str
    data_set: str
    message: str
    fix: str
    image_ids: Sequence[str] = ()
    pairs_of: tuple[str, str] | None = None


def in_order(issues: Iterable[Issue]) -> list[Issue]:
    """Errors, then warnings, then notes; within each those of most images first."""
    return sorted(issues, key=lambda issue: (SEVERITIES.index(issue.severity), -len(issue.image_ids)))


def as_table(issues: Sequence[Issue]) -> pl.DataFrame:
    """`severity`, `check`, `data_set`, `message`, `fix`, `images` (how many), `image_ids` (a list)."""
    return pl.DataFrame(
        {
            "severity": [issue.severity for issue in issues],
            "check": [issue.check for issue in issues],
            "data_set": [issue.data_set for issue in issues],
            "message": [issue.message for issue in issues],
            "fix": [issue.fix for issue in issues],
            "images": [len(issue.image_ids) for issue in issues],
            "image_ids": [list(issue.image_ids) for issue in issues],
        },
        schema={
            **dict.fromkeys(("severity", "check", "data_set", "message", "fix"), pl.String),
            "images": pl.Int64,
            "image_ids": pl.List(pl.String),
        },
    )


def counted(number: int, noun: str = "image", plural: str | None = None) -> str:
    """As in "1 image", "2,048 images", "3 studies"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def some(values: Iterable[object], shown: int = 3) -> str:
    """The first few of many: "a, b, c and 4 others"."""
    listed = [str(value) for value in values]
    left = len(listed) - shown
    if left > 0:
        return f"{', '.join(listed[:shown])} and {counted(left, 'other')}"
    return " and ".join(part for part in (", ".join(listed[:-1]), *listed[-1:]) if part)
