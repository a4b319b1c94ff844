"""Arms of a layout: names, patterns, the best of several."""

import re
from collections.abc import Sequence

from hilum.evaluation.metrics import lower_is_better
from hilum.report.layouts.config import BestOf
from hilum.report.layouts.results import TaskResults
from hilum.report.layouts.values import Query, Value, value_of

_PART = re.compile(r"\\\{(\w+)\\\}")
_LOSSES = frozenset({"train_loss", "val_loss", "test_loss"})


def matches(pattern: str, arms: Sequence[str]) -> dict[str, dict[str, str]]:
    """Match the names of arms with a pattern.

    Args:
        pattern: Pattern: `*` is any text, `{depth}` any text that titles can use.
        arms: Arms of the study.

    Returns:
        The parts of the name of each matching arm, in the order of `arms`, or by number if all parts are numbers.
    """
    expression = re.compile(_PART.sub(r"(?P<\1>.+)", re.escape(pattern).replace(r"\*", ".*")))
    found = {arm: match.groupdict() for arm in arms if (match := expression.fullmatch(arm))}
    if found and all(part.isdecimal() for parts in found.values() for part in parts.values()):
        return dict(sorted(found.items(), key=lambda item: [int(part) for part in item[1].values()]))
    return found


def arm_of(task: TaskResults, wanted: str | BestOf | None) -> tuple[str | None, str]:
    """Find the arm of a layout.

    Returns:
        Its name, or None and the reason.
    """
    if wanted is None:
        return (task.arms[0], "") if len(task.arms) == 1 else (None, "the layout names no arm")
    if isinstance(wanted, str):
        found = list(matches(wanted, task.arms))
        return (found[0], "") if found else (None, f"no arm {wanted} in this run")
    values = {arm: value_of(task, Query(value=wanted.by, arm=arm)) for arm in matches(wanted.best_of, task.arms)}
    known = {arm: value.value for arm, value in values.items() if value.value is not None}
    if not known:
        return None, f"no arm {wanted.best_of} with a {wanted.by} in this run"
    return best_of(known, wanted.by), ""


def best_of(values: dict[str, float], by: str) -> str:
    """Return the name with the best value; the first of equal ones."""
    return (
        min(values, key=lambda name: values[name])
        if by in _LOSSES or lower_is_better(by)
        else max(values, key=lambda name: values[name])
    )


def best_row(values: Sequence[Value | None], by: str) -> int | None:
    """Return the index of the row with the best value; None without values."""
    known = {str(place): value.value for place, value in enumerate(values) if value and value.value is not None}
    return int(best_of(known, by)) if known else None
