"""A whole comparison, from its file to its report: what `hilum study run` and `hilum.run_study` do."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from hilum.data.tables import read_result_table
from hilum.errors import HilumError
from hilum.evaluation.metrics import overall_finding
from hilum.progress import ProgressReport, ShowProgress, quiet
from hilum.runs.results import Result
from hilum.study.check import CheckResult, check_prepared
from hilum.study.execution import run_study as run_steps
from hilum.study.file import Study, find_study, read_study, tiny
from hilum.study.file.views import views_of
from hilum.study.plan import EVALUATION, Step, available_roots, fetch_missing
from hilum.study.plan.leakage import warnings_of
from hilum.study.plan.power import describe_power, power_of
from hilum.study.prepared import PreparedStudy
from hilum.study.scheduling import ComputeConfig
from hilum.training.distributed import by_the_first, joined_processes, rank


@dataclass(frozen=True, repr=False)
class StudyResult(Result):
    """A finished study.

    Attributes:
        directory: of the study.
        page: report.html.
    """

    directory: Path
    page: Path

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`metrics`, `comparisons` and every other table of its evaluation, by name."""
        files = sorted((self.directory / EVALUATION).glob("*.parquet"))
        tables = {path.stem: read_result_table(path) for path in files}
        return {name: tables.pop(name) for name in ("metrics", "comparisons")} | tables

    @property
    def summary(self) -> list[str]:
        """What the study answers."""
        return [str(self.about["question"])]

    def predictions(self, arm: str, seed: int = 0) -> Path:
        """Predictions of one arm and seed, as `hilum.evaluate` and `hilum.compare` take them.

        Raises:
            HilumError: there are none.
        """
        path = self.directory / EVALUATION / "predictions" / arm / f"seed-{seed}.parquet"
        if not path.is_file():
            arms = ", ".join(self.about["arms"])
            fix = "Name an arm and a seed of the study."
            raise HilumError("predictions", expected=f"an arm of {arms}", found=f"{arm}, seed {seed}", fix=fix)
        return path

    def _shown(self) -> dict[str, pl.DataFrame]:
        metrics = self.tables["metrics"]
        overall = overall_finding(metrics["finding"].to_list())
        rows = metrics.filter((pl.col("finding") == overall) & (pl.col("metric") == metrics["metric"][0]))
        return {"AUROC": rows.select("arm", "finding", "estimate", "low", "high")}


def run_study(
    study: str | Path | Study,
    out: str | Path,
    data: Mapping[str, str | Path] | None = None,
    *,
    scale: Literal["full", "tiny"] = "full",
    settings: Mapping[str, Any] | Sequence[str] = (),
    workers: int | None = None,
    allow_missing: bool = False,
    check: bool = True,
    log: Literal["tensorboard", "mlflow"] | None = None,
    cluster: str | None = None,
    jobs: int = 1,
    cpus_per_step: int = 1,
    mirror: str | None = None,
    progress: ShowProgress = quiet,
    on_start: Callable[[str], None] | None = None,
    on_read: Callable[[list[str]], None] | None = None,
    on_check: Callable[[CheckResult], None] | None = None,
) -> StudyResult:
    """Run a study to its report; interrupted, or with a changed arm, it does only what is left.

    Args:
        study: a study file, the name of a shipped one, or a study that was read.
        out: directory of the study; what is done there already is kept.
        data: folder of each data set that is neither generated nor named by URL in the study; those are fetched once.
        scale: "tiny" runs everything in miniature on generated images; results then mean nothing.
        settings: changes of the study file, as {"finetune.epochs": 3} or ["finetune.epochs=3"].
        workers: threads that decode images and prepare batches; results do not depend on it.
        allow_missing: go on where tables name images whose file is not there.
        check: try every step in miniature first.
        log: write the curves of training also for TensorBoard or MLflow, into OUT/logs.
        cluster: address of a Ray cluster whose nodes share `out`: "local", "auto", HOST:PORT or "ray://HOST:PORT".
        jobs: steps at the same time, each in a process of this machine.
        cpus_per_step: cores that a step occupies and threads that it computes with, with `cluster` or several `jobs`.
        mirror: URL of a copy of the directory, as fsspec names it: fetched from first, and added to step by step.
        progress: shows each step.
        on_start: called with the question before the first step, in the first process.
        on_read: called once the data are read, before anything is trained, with what is to be known before hours are
            spent: the smallest difference that the test images can show, and doubts about the data.
        on_check: called with what the miniature tried.

    Raises:
        HilumErrors: everything that is wrong with the study file.
        HilumError: a step cannot be done.

    Example:
        >>> import hilum
        >>> result = hilum.run_study("demo", "runs/demo", scale="tiny")  # doctest: +SKIP
        >>> result.tables["comparisons"]  # doctest: +SKIP
    """
    out = Path(out)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)  # it announces its precision at every step
    content = study if isinstance(study, Study) else read_study(find_study(str(study)), _overrides(settings))
    if scale == "tiny":
        content = tiny(content)

    def try_first(prepared: PreparedStudy) -> None:
        with progress("check") as on_progress:
            checked = check_prepared(
                prepared, workers=workers, runs_here=cluster in (None, "local"), on_progress=on_progress
            )
        checked.raise_problems(but_warnings=True)
        if on_check is not None:
            on_check(checked)

    @contextmanager
    def show_step(number: int, steps: int, step: Step) -> Iterator[ProgressReport]:
        with progress(f"{number}/{steps} {step.title}") as report:
            yield report

    with joined_processes():
        if rank() == 0 and on_start is not None:
            on_start(content.question)
        given = {name: Path(folder) for name, folder in (data or {}).items()}
        by_the_first(lambda: {name: str(root) for name, root in fetch_missing(content, given, progress).items()})
        page = run_steps(
            content,
            available_roots(content, given),
            out,
            show_step=show_step,
            workers=workers,
            allow_missing=allow_missing,
            on_read=None if on_read is None else lambda prepared, left: on_read(_before(prepared, left)),
            check=try_first if check else None,
            log=log,
            where=ComputeConfig(cluster, jobs, cpus_per_step),
            mirror=mirror,
        )
    return StudyResult(out, {"question": content.question, "arms": list(content.arms), "seeds": content.seeds}, page)


_NAMED = 6
"""Steps that are named before a run."""


def _before(prepared: PreparedStudy, left: Sequence[Step]) -> list[str]:
    """What each task's test images can show, at its largest label fraction; doubts about the data; what is to do."""
    of_task = {view.task: view.directory for view in views_of(prepared.study)}
    lines = []
    for task, place in of_task.items():
        sentence = describe_power(power_of(prepared.views[place]))
        lines.append(f"{task}: {sentence}" if len(of_task) > 1 else sentence)
    doubts = warnings_of(*prepared.views.values())
    titles = [step.title for step in left]
    more = f"; and {len(titles) - _NAMED:,} more" if len(titles) > _NAMED else ""
    todo = f"{len(titles):,} steps to do: {'; '.join(titles[:_NAMED])}{more}" if titles else "All steps are done"
    return [*lines, *(f"Doubtful, {each.data}: {each.note}" for each in doubts), todo]


def _overrides(settings: Mapping[str, Any] | Sequence[str]) -> list[str]:
    if isinstance(settings, Mapping):
        return [f"{key}={value}" for key, value in settings.items()]
    return list(settings)
