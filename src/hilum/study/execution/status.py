"""Status of a study, read from its directory while it runs or after it ended or was killed."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hilum.errors import HilumError
from hilum.report.page import PAGE
from hilum.study.plan import read_progress, read_record
from hilum.study.plan.record import PLAN

State = Literal["done", "diverged", "collapsed", "pretraining_failed", "running", "interrupted", "outdated", "to do"]


@dataclass(frozen=True)
class StepStatus:
    """Status of one step.

    Attributes:
        title: Title of the step.
        directory: Directory, relative to the study's.
        state: "diverged", "collapsed" and "pretraining_failed" steps failed; "outdated" steps were done with other
            settings or data and will be repeated.
        seconds: Wall time of a finished step.
        note: Progress of a running step, or message of a failed one.
    """

    title: str
    directory: str
    state: State
    seconds: float | None
    note: str


def study_status(out: Path) -> list[StepStatus]:
    """Return the status of every step, in order.

    Raises:
        HilumError: The directory contains no study.
    """
    plan = out / PLAN
    if not plan.is_file():
        fix = "Give the --out of `hilum study run`."
        raise HilumError(out, expected="the directory of a study (with plan.json)", found="none there", fix=fix)
    return [_status(out, step) for step in json.loads(plan.read_text(encoding="utf-8"))]


def _status(out: Path, step: dict[str, str | None]) -> StepStatus:
    title, directory = str(step["title"]), str(step["directory"])
    record = read_record(out / directory)
    if step["kind"] == "report" and not (out / PAGE).is_file():
        record = None
    if record is not None and step["key"] in (record.key, None):
        return StepStatus(title, directory, record.outcome, record.seconds, record.message)
    progress = read_progress(out / directory)
    if progress is not None:
        done, total, note, running = progress
        note_text = f"{done:,} of {total:,}" + (f" · {note}" if note else "")
        return StepStatus(title, directory, "running" if running else "interrupted", None, note_text)
    return StepStatus(title, directory, "to do" if record is None else "outdated", None, "")
