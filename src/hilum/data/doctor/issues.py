"""Issues of a data set, one row each, most severe first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import polars as pl

from hilum.wording import counted

Severity: TypeAlias = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""Error: results on these images would be wrong. Warning: probably wrong, or to be reviewed before training. Note:
information."""


@dataclass(frozen=True)
class Issue:
    """Result of a check that found something.

    Attributes:
        severity: "error", "warning" or "note".
        check: Short name of the check; the same for all data sets.
        data_set: Name; several joined by " and ".
        message: Result of the check, a sentence with its numbers.
        fix: Advice.
        image_ids: All affected images; empty if the issue is not about single images.
        pairs_of: The two data sets (maybe one of them twice) of pairs of images; None if it is not about pairs.
    """

    severity: Severity
    check: str
    data_set: str
    message: str
    fix: str
    image_ids: Sequence[str] = ()
    pairs_of: tuple[str, str] | None = None


def in_order(issues: Iterable[Issue]) -> list[Issue]:
    """Sort errors, warnings, notes; within each by number of images, descending."""
    return sorted(issues, key=lambda issue: (SEVERITIES.index(issue.severity), -len(issue.image_ids)))


def as_table(issues: Sequence[Issue]) -> pl.DataFrame:
    """Return a table with `severity`, `check`, `data_set`, `message`, `fix`, `images` (number), `image_ids` (list)."""
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


def some(values: Iterable[object], shown: int = 3) -> str:
    """List the first few of many: "a, b, c and 4 others"."""
    listed = [str(value) for value in values]
    left = len(listed) - shown
    if left > 0:
        return f"{', '.join(listed[:shown])} and {counted(left, 'other')}"
    return " and ".join(part for part in (", ".join(listed[:-1]), *listed[-1:]) if part)
