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
_PART, _PROGRESS = ".part-", ".progress.json"

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


def run_once(directory: Path, key: str, title: str, work: Callable[[], None]) -> bool:
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
    by_the_first(lambda: clear_for(directory, key))
    began = time.monotonic()
    work()
    seconds = time.monotonic() - began
    by_the_first(lambda: _record(directory, key, title, seconds))
    return True


def _is_done(directory: Path, key: str) -> bool:
    record = read_record(directory)
    return record is not None and record.key == key


def clear_for(directory: Path, key: str) -> None:
    """Before a step begins or goes on: remove what one of other settings left, and keep what this one did.

    Args:
        directory: of the step.
        key: its fingerprint.
    """
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
    forget_progress(directory)
    for part in _part_files(directory):
        part.unlink(missing_ok=True)


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
    """(done, total, note, whether its process is still running) of a step under way, of one of its parts where several
    processes do it; None where there is none.
    """
    try:
        progress = json.loads(_progress_file(directory).read_text(encoding="utf-8"))
    except FileNotFoundError:
        files = [path for path in _part_files(directory) if path.name.endswith(_PROGRESS)]
        parts = [read_progress(part_directory(directory, _part_in(path, directory))) for path in files]
        known = sorted((part for part in parts if part is not None), key=lambda part: not part[3])
        return known[0] if known else None
    here = progress.get("host", socket.gethostname()) == socket.gethostname()
    running = _is_running(progress["process"]) if here else _is_held(directory)
    return progress["done"], progress["total"], progress["note"], running


def forget_progress(directory: Path) -> None:
    """Nothing is under way there any more."""
    _progress_file(directory).unlink(missing_ok=True)


def part_directory(directory: Path, name: str) -> Path:
    """What stands for a part of a step that several processes do: its lock and its progress are beside it, and nothing
    is in it.

    Args:
        directory: of the step.
        name: of the part.
    """
    return directory.with_name(f"{directory.name}{_PART}{name}")


def _part_files(directory: Path) -> list[Path]:
    """Locks and progress of the parts of a step."""
    return sorted(directory.parent.glob(f".{directory.name}{_PART}*"))


def _part_in(path: Path, directory: Path) -> str:
    return path.name.removeprefix(f".{directory.name}{_PART}").removesuffix(_PROGRESS)


def _progress_file(directory: Path) -> Path:
    return directory.parent / f".{directory.name}{_PROGRESS}"


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
