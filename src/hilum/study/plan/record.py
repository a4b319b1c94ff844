"""Records of finished and failed steps, and progress of running ones, beside the files of each step."""

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
from hilum.training.distributed import run_on_rank0

RECORD, CURVES, PLAN = "step.json", "curves.parquet", "plan.json"
_PART, _PROGRESS = ".part-", ".progress.json"

Outcome = Literal["done", "diverged", "collapsed", "pretraining_failed"]


@dataclass(frozen=True)
class StepRecord:
    """Record of a finished or failed step.

    Attributes:
        key: Fingerprint of all inputs of the step.
        title: Title of the step.
        seconds: Wall time of the run that finished it.
        finished: Local time in ISO 8601.
        hilum: Version of Hilum.
        machine: Processor architecture and number of cores.
        outcome: "done"; or the code of a failed training (`hilum.errors.TrainingFailedError`), or
            "pretraining_failed" if its start or sweep failed.
        message: Description of a failure and suggested fix.
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
    """Read the record of a step; None if it has not ended."""
    try:
        content = json.loads((directory / RECORD).read_text(encoding="utf-8"))
        content["message"] = content.pop("told", content.get("message", ""))  # its name in earlier versions
        return StepRecord(**content)
    except FileNotFoundError:
        return None


def forget_without_page(out: Path) -> None:
    """Delete the record of a report whose page was deleted, so that it is written again."""
    if not (out / PAGE).is_file():
        (out / REPORT / RECORD).unlink(missing_ok=True)


def run_once(directory: Path, key: str, title: str, work: Callable[[], None]) -> bool:
    """Run a step unless it is done.

    Files of an interrupted run with the same key are kept, so that `work` can resume; files of other settings are
    removed. With distributed training, rank 0 decides, cleans up and records; all ranks call `work`.

    Args:
        directory: Directory of the step; complete when `work` returns.
        key: Fingerprint of all inputs of the step.
        title: Title for the record.
        work: Runs the step, resuming an interrupted run.

    Returns:
        Whether the step was run.
    """
    if run_on_rank0(lambda: is_done(directory, key)):
        return False
    run_on_rank0(lambda: clear_for(directory, key))
    began = time.monotonic()
    work()
    seconds = time.monotonic() - began
    run_on_rank0(lambda: _record(directory, key, title, seconds))
    return True


def partial_directory(directory: Path) -> Path:
    """Return the directory of an unfinished step (`hilum.artifacts.whole_directory`)."""
    return directory.with_name(f".{directory.name}.partial")


def is_done(directory: Path, key: str) -> bool:
    """Return whether a step has ended, done or failed, with these inputs."""
    record = read_record(directory)
    return record is not None and record.key == key


def clear_for(directory: Path, key: str) -> None:
    """Prepare the directory of a step: keep files of an interrupted run with the same key, remove all others.

    Args:
        directory: Directory of the step.
        key: Fingerprint of the step.
    """
    under_way = _key_file(directory)
    if not under_way.exists() or under_way.read_text(encoding="utf-8") != key:
        shutil.rmtree(partial_directory(directory), ignore_errors=True)
        shutil.rmtree(directory, ignore_errors=True)
        write_text(under_way, key)


def record_failure(directory: Path, key: str, title: str, seconds: float, outcome: Outcome, message: str) -> None:
    """Record the failure of a step; its curves are kept, and it is not repeated with the same settings."""
    beside = partial_directory(directory)
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
    """Return a callback that shows progress and saves it periodically for `hilum study status`."""
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
    """Read (done, total, note, whether its process is running) of a running step, or of one of its parts; None without
    saved progress.
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
    """Delete the progress file of a step."""
    _progress_file(directory).unlink(missing_ok=True)


def part_directory(directory: Path, name: str) -> Path:
    """Return a path that identifies one part of a distributed step; its lock and progress files are beside it.

    Args:
        directory: Directory of the step.
        name: Name of the part.
    """
    return directory.with_name(f"{directory.name}{_PART}{name}")


def _part_files(directory: Path) -> list[Path]:
    """Return the lock and progress files of the parts of a step."""
    return sorted(directory.parent.glob(f".{directory.name}{_PART}*"))


def _part_in(path: Path, directory: Path) -> str:
    return path.name.removeprefix(f".{directory.name}{_PART}").removesuffix(_PROGRESS)


def _progress_file(directory: Path) -> Path:
    return directory.parent / f".{directory.name}{_PROGRESS}"


def _is_held(directory: Path) -> bool:
    """Return whether a process on another host still renews its lock."""
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
