"""What was done: a record beside each step's files, by which a finished step is known again."""

import json
import os
import platform
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import hilum
from hilum.artifacts import holder_of, write_json, write_text
from hilum.progress import ProgressReport
from hilum.report.page import PAGE
from hilum.study.plan.steps import REPORT
from hilum.training.distributed import by_the_first

RECORD, CURVES = "step.json", "curves.parquet"

Outcome = Literal["done", "diverged", "collapsed", "pretraining_failed"]


@dataclass(frozen=True)
class StepRecord:
    """How a step went.

    Attributes:
        key: fingerprint of all that decides its result.
        title: of the step.
        seconds: wall time of the run that finished it.
        finished: local time, ISO 8601.
        hilum: version.
        machine: processor architecture and number of cores.
        outcome: "done"; or the code of a training that failed (`hilum.errors.TrainingFailedError`), or
            "pretraining_failed" where there was nothing to start from.
        message: of a failure, in words: where, what was found, what can be done.
    """

    key: str
    title: str
    seconds: float
    finished: str
    hilum: str
    machine: str
    outcome: Outcome = "done"
    message: str = ""


def read_record(directory: Path) -> StepRecord | None:
    """The record of a finished step; None where it is not finished."""
    try:
        content = json.loads((directory / RECORD).read_text(encoding="utf-8"))
        content["message"] = content.pop("told", content.get("message", ""))  # its name in earlier versions
        return StepRecord(**content)
    except FileNotFoundError:
        return None


def forget_without_page(out: Path) -> None:
    """A page that was deleted is to be written again."""
    if not (out / PAGE).is_file():
        (out / REPORT / RECORD).unlink(missing_ok=True)


def perform_once(directory: Path, key: str, title: str, work: Callable[[], None]) -> bool:
    """Do a step unless it is done already.

    What an interrupted run of the same step left is kept for `work` to go on from; what a step with other settings
    left is removed. Of several processes the first decides, cleans up and records; all of them come to `work`.

    Args:
        directory: where `work` leaves its files; complete when `work` returns.
        key: fingerprint of all that decides the result.
        title: for the record.
        work: does the step; resumes by itself.

    Returns:
        Whether there was anything to do.
    """
    if by_the_first(lambda: _is_done(directory, key)):
        return False
    by_the_first(lambda: _clear(directory, key))
    began = time.monotonic()
    work()
    seconds = time.monotonic() - began
    by_the_first(lambda: _record(directory, key, title, seconds))
    return True


def _is_done(directory: Path, key: str) -> bool:
    record = read_record(directory)
    return record is not None and record.key == key


def _clear(directory: Path, key: str) -> None:
    under_way = _key_file(directory)
    if not under_way.exists() or under_way.read_text(encoding="utf-8") != key:
        shutil.rmtree(directory.parent / f".{directory.name}.partial", ignore_errors=True)
        shutil.rmtree(directory, ignore_errors=True)
        write_text(under_way, key)


def record_failure(directory: Path, key: str, title: str, seconds: float, outcome: Outcome, message: str) -> None:
    """Note that a step came to nothing; its curves are kept, and it is not tried again with the same settings."""
    beside = directory.parent / f".{directory.name}.partial"
    directory.mkdir(parents=True, exist_ok=True)
    if (beside / CURVES).is_file():
        (beside / CURVES).replace(directory / CURVES)
    shutil.rmtree(beside, ignore_errors=True)
    write_text(_key_file(directory), key)
    _record(directory, key, title, seconds, outcome, message)


def _record(
    directory: Path, key: str, title: str, seconds: float, outcome: Outcome = "done", message: str = ""
) -> None:
    finished = time.strftime("%Y-%m-%dT%H:%M:%S")
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    write_json(
        directory / RECORD,
        asdict(StepRecord(key, title, round(seconds, 3), finished, hilum.__version__, machine, outcome, message)),
    )
    _key_file(directory).unlink()
    _progress_file(directory).unlink(missing_ok=True)


def _key_file(directory: Path) -> Path:
    return directory.parent / f".{directory.name}.key"


def recorded_progress(directory: Path, show: ProgressReport, *, every_seconds: float = 2.0) -> ProgressReport:
    """Show progress, and leave it beside the step's directory now and then for `hilum study status` to read."""
    path, last = _progress_file(directory), [float("-inf")]

    def report(done: int, total: int, note: str) -> None:
        show(done, total, note)
        if time.monotonic() - last[0] >= every_seconds:
            last[0] = time.monotonic()
            write_json(
                path, {"done": done, "total": total, "note": note, "process": os.getpid(), "host": socket.gethostname()}
            )

    return report


def read_progress(directory: Path) -> tuple[int, int, str, bool] | None:
    """(done, total, note, whether its process is still running) of a step under way; None where there is none."""
    try:
        progress = json.loads(_progress_file(directory).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    here = progress.get("host", socket.gethostname()) == socket.gethostname()
    running = _is_running(progress["process"]) if here else _is_held(directory)
    return progress["done"], progress["total"], progress["note"], running


def _progress_file(directory: Path) -> Path:
    return directory.parent / f".{directory.name}.progress.json"


def _is_held(directory: Path) -> bool:
    """Whether a process of another host, which cannot be asked, still gives signs of life."""
    holder = holder_of(directory)
    return holder is not None and holder.alive


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
