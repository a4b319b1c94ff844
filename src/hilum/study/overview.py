"""Overview of the studies in a folder: status and best arm of each."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import polars as pl

from hilum.data.tables import read_result_table
from hilum.errors import HilumError
from hilum.evaluation.metrics import overall_finding
from hilum.report.page import PAGE
from hilum.study.execution import study_status
from hilum.study.file.read import Yaml12Loader
from hilum.study.plan import EVALUATION
from hilum.study.plan.record import PLAN, RECORD, partial_directory

State = Literal["done", "running", "interrupted", "failed", "to do"]
_DEEPEST = 4


@dataclass(frozen=True)
class BestArm:
    """The arm with the highest AUROC on the test images.

    Attributes:
        arm: Name of the arm.
        metric: "auroc".
        finding: An average over findings, or the only finding.
        estimate, ci_low, ci_high: Estimate and its 95 % confidence interval.
        note: Reason to doubt the estimate, or empty.
    """

    arm: str
    metric: str
    finding: str
    estimate: float
    ci_low: float
    ci_high: float
    note: str


@dataclass(frozen=True)
class StudySummary:
    """Summary of one study.

    Attributes:
        name: Path of its directory, relative to the folder.
        question: Its question; empty before its file is written.
        state: "failed" if a step failed and no step remains.
        done, steps: Numbers of finished and of all steps.
        arms: Names of the arms, in order.
        best: The best arm; None before the evaluation.
        changed: Local time of the last finished step in ISO 8601; empty before the first.
        report: Path of its report; None before it is written.
    """

    name: str
    question: str
    state: State
    done: int
    steps: int
    arms: list[str]
    best: BestArm | None
    changed: str
    report: Path | None


def list_studies(folder: Path) -> list[StudySummary]:
    """List the studies in a folder, or the study of a directory, the last changed first.

    Args:
        folder: Folder to search, a few levels deep.

    Raises:
        HilumError: Not a folder, or no study in it.
    """
    if not folder.is_dir():
        raise HilumError(folder, expected="a folder of studies", found="no folder", fix="Check the path.")
    found = [study_summary(directory, folder) for directory in _directories(folder, 0)]
    if not found:
        raise HilumError(
            folder,
            expected="directories of studies (with plan.json)",
            found="none",
            fix="Give the parent folder of the --out of `hilum study run`.",
        )
    return sorted(found, key=lambda study: (study.changed, study.name), reverse=True)


def study_summary(directory: Path, folder: Path | None = None) -> StudySummary:
    """Summarise the status and the best arm of one study.

    Args:
        directory: Directory of the study.
        folder: Folder that its name is relative to; None: its parent.

    Raises:
        HilumError: The directory contains no study.
    """
    steps = study_status(directory)
    content = _study_file(directory)
    states = [step.state for step in steps]
    done = sum(state == "done" for state in states)
    arms = content.get("arms")
    page = directory / PAGE
    return StudySummary(
        name=str(directory.relative_to(folder or directory.parent)) if directory != folder else directory.name,
        question=str(content.get("question", "")),
        state=_state(states),
        done=done,
        steps=len(steps),
        arms=list(map(str, arms)) if isinstance(arms, dict) else [],
        best=_best(directory),
        changed=_changed(directory),
        report=page if page.is_file() else None,
    )


def _directories(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / PLAN).is_file():
        yield folder
    elif depth < _DEEPEST:
        for entry in sorted(folder.iterdir()):
            if entry.is_dir() and not entry.name.startswith("."):
                yield from _directories(entry, depth + 1)


def _state(states: list[Any]) -> State:
    if "running" in states:
        return "running"
    if "interrupted" in states:
        return "interrupted"
    if "to do" in states or "outdated" in states:
        return "to do"
    return "done" if all(state == "done" for state in states) else "failed"


def _study_file(directory: Path) -> dict[str, Any]:
    import yaml

    path = directory / "study.yaml"
    if not path.is_file():
        return {}
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=Yaml12Loader)
    return content if isinstance(content, dict) else {}


def _best(directory: Path) -> BestArm | None:
    path = directory / EVALUATION / "metrics.parquet"
    if not path.is_file():
        return None
    table = read_result_table(path).filter(pl.col("metric") == "auroc").fill_nan(None)
    overall = overall_finding(table["finding"].to_list()) if len(table) else None
    rows = table.filter((pl.col("finding") == overall) & pl.col("estimate").is_not_null())
    if overall is None or rows.is_empty():
        return None
    best = rows.sort("estimate", descending=True, maintain_order=True).row(0, named=True)
    return BestArm(
        best["arm"], "auroc", overall, best["estimate"], best["ci_low"], best["ci_high"], str(best.get("note") or "")
    )


def _changed(directory: Path) -> str:
    times = [path.stat().st_mtime for path in directory.rglob(RECORD)]
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(max(times))) if times else ""


def sweeps_under_way(directory: Path) -> list[dict[str, Any]]:
    """Read the sweeps of a study: `arm`, `state` ("done" or "running") and `trials`, a row per finished trial: `trial,
    state, settings, val_loss, val_auroc, epochs`.
    """
    path = directory / PLAN
    rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    found = []
    for row in rows:
        if row["kind"] != "sweep":
            continue
        done, running = directory / row["directory"], partial_directory(directory / row["directory"])
        name = _arm_of_sweep(row)
        if (done / "trials.parquet").is_file():
            columns = ["trial", "state", "settings", "val_loss", "val_auroc", "epochs"]
            trials = read_result_table(done / "trials.parquet").select(columns).to_dicts()
            found.append({"arm": name, "state": "done", "trials": trials})
        elif running.is_dir():
            found.append({"arm": name, "state": "running", "trials": _ended_trials(running)})
    return sorted(found, key=lambda sweep: str(sweep["arm"]))


def _arm_of_sweep(row: Mapping[str, Any]) -> str:
    """Return the arm of a sweep in a plan, after the folder of its task if there are several."""
    if "arm" in row:
        return str(PurePosixPath(row["view"]) / row["arm"])
    return str(PurePosixPath(row["directory"]).parent).replace("arms/", "", 1)  # plans of earlier versions


def _ended_trials(sweep: Path) -> list[dict[str, Any]]:
    """Read the finished trials of a running sweep; the newest result of each."""
    rows: dict[int, dict[str, Any]] = {}
    first = 0
    for batch in sorted(sweep.glob("batch-*")):
        if not (batch / "samples.json").is_file():
            continue
        samples = json.loads((batch / "samples.json").read_text(encoding="utf-8"))
        for own, written in _written_trials(batch, samples):
            for row in json.loads(written.read_text(encoding="utf-8")):
                number = first + own[row["trial"]]
                rows[number] = {
                    "trial": number, "state": row["status"], "settings": json.dumps(samples[own[row["trial"]]]),
                    "val_loss": row["validation_loss"], "val_auroc": row["auroc"], "epochs": row["epochs"],
                }  # fmt: skip
        first += len(samples)
    return [rows[number] for number in sorted(rows)]


def _written_trials(batch: Path, samples: Sequence[Mapping[str, Any]]) -> list[tuple[list[int], Path]]:
    """Return the files of results in a batch, oldest first, each with the numbers of its samples.

    Trials of several encoders have a directory each (`hilum.finetuning.trials.search.SearchRun.place`).
    """
    encoders = list(dict.fromkeys(sample.get("encoder") for sample in samples))
    found = []
    for encoder in encoders:
        own = [number for number, sample in enumerate(samples) if sample.get("encoder") == encoder]
        places = [batch / f"trials-{encoder}", *([batch / "trials"] if len(encoders) == 1 else [])]
        for place in [each for one in places for each in (one, partial_directory(one))]:
            found += [(own, path) for path in place.rglob("trials.json")]
    return sorted(found, key=lambda each: each[1].stat().st_mtime)
