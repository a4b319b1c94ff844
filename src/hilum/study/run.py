"""Python API of studies: `hilum.run_study` runs a study file to its report."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import polars as pl

from hilum.data.tables import read_result_table
from hilum.errors import HilumError
from hilum.evaluation.metrics import overall_finding
from hilum.progress import ProgressReport, ShowProgress, quiet
from hilum.renamed import checked_arguments
from hilum.runs.results import Result
from hilum.study.check import CheckResult, check_prepared
from hilum.study.execution import run_study as run_steps
from hilum.study.file import Study, find_study, read_study, tiny
from hilum.study.file.views import views_of
from hilum.study.plan import EVALUATION, Step, available_roots, fetch_missing
from hilum.study.plan.leakage import warnings_of
from hilum.study.plan.power import describe_power, power_of
from hilum.study.plan.predictions import predictions_file
from hilum.study.prepared import PreparedStudy
from hilum.study.scheduling import ComputeConfig
from hilum.training.distributed import process_group, rank, run_on_rank0
from hilum.wording import counted


@dataclass(frozen=True, repr=False)
class StudyResult(Result):
    """A finished study.

    Attributes:
        directory: Directory of the study.
        page: Path of report.html.
    """

    directory: Path
    page: Path

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """Tables of the evaluation by name: `metrics`, `comparisons` and others."""
        files = sorted((self.directory / EVALUATION).glob("*.parquet"))
        tables = {path.stem: read_result_table(path) for path in files}
        return {name: tables.pop(name) for name in ("metrics", "comparisons")} | tables

    @property
    def summary(self) -> list[str]:
        """Question of the study."""
        return [str(self.about["question"])]

    def predictions(self, arm: str, seed: int = 0) -> Path:
        """Return the path of the predictions of one arm and seed, for `hilum.evaluate` and `hilum.compare`.

        Raises:
            HilumError: No such arm or seed.
        """
        path = predictions_file(self.directory / EVALUATION, arm, seed)
        if not path.is_file():
            arms = ", ".join(self.about["arms"])
            fix = "Name an arm and a seed of the study."
            raise HilumError("predictions", expected=f"an arm of {arms}", found=f"{arm}, seed {seed}", fix=fix)
        return path

    def _shown(self) -> dict[str, pl.DataFrame]:
        metrics = self.tables["metrics"]
        overall = overall_finding(metrics["finding"].to_list())
        rows = metrics.filter((pl.col("finding") == overall) & (pl.col("metric") == metrics["metric"][0]))
        return {"AUROC": rows.select("arm", "finding", "estimate", "ci_low", "ci_high")}


Scale = Literal["full", "tiny"]


@checked_arguments
def run_study(
    study: str | Path | Study,
    out: str | Path,
    data: Mapping[str, str | Path] | None = None,
    *,
    scale: Scale = "full",
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
    """Run a study to its report; finished steps with unchanged settings are kept.

    Args:
        study: Path of a study file, name of a shipped one, or a study read before.
        out: Directory of the study; finished steps in it are kept.
        data: Folder of each data set that is neither generated nor given by URL.
        scale: "tiny" runs a reduced study on generated images; its results have no meaning.
        settings: Overrides of the study file: {"finetune.epochs": 3} or ["finetune.epochs=3"].
        workers: Threads that decode images and prepare batches; results do not depend on it.
        allow_missing: Accept images without a file.
        check: Run every step in miniature first.
        log: Also log training curves for TensorBoard or MLflow, in OUT/logs.
        cluster: Address of a Ray cluster whose nodes share `out`: "local", "auto", HOST:PORT or "ray://HOST:PORT".
        jobs: Number of steps to run in parallel, in processes of this machine.
        cpus_per_step: Cores and threads per step, with `cluster` or several `jobs`.
        mirror: fsspec URL of a copy of the directory, which is restored first and updated after each step.
        progress: Shows the progress of each step.
        on_start: Called on rank 0 with the question before the first step.
        on_read: Called before any training with the minimum detectable differences of the test sets, warnings about
            the data, and the steps to run.
        on_check: Called with the result of the check.

    Raises:
        HilumErrors: All problems of the study file.
        HilumError: A step fails.

    Example:
        >>> import hilum
        >>> result = hilum.run_study("demo", "runs/demo", scale="tiny")  # doctest: +SKIP
        >>> result.tables["comparisons"]  # doctest: +SKIP
    """
    out = Path(out)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)  # it reports its precision at every step
    content = study if isinstance(study, Study) else read_study(find_study(str(study)), _overrides(settings))
    if scale not in get_args(Scale):
        fix = "Use tiny to try the study in miniature."
        raise HilumError("scale", expected="full or tiny", found=repr(scale), fix=fix)
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

    with process_group():
        if rank() == 0 and on_start is not None:
            on_start(content.question)
        given = {name: Path(folder) for name, folder in (data or {}).items()}
        run_on_rank0(lambda: {name: str(root) for name, root in fetch_missing(content, given, progress).items()})
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
"""Number of steps listed before a run."""


def _before(prepared: PreparedStudy, left: Sequence[Step]) -> list[str]:
    """Return each task's minimum detectable difference, warnings about the data, and the steps to run."""
    of_task = {view.task: view.directory for view in views_of(prepared.study)}
    lines = []
    for task, place in of_task.items():
        sentence = describe_power(power_of(prepared.views[place]))
        lines.append(f"{task}: {sentence}" if len(of_task) > 1 else sentence)
    doubts = warnings_of(*prepared.views.values())
    titles = [step.title for step in left]
    more = f"; and {len(titles) - _NAMED:,} more" if len(titles) > _NAMED else ""
    todo = (
        f"{counted(len(titles), 'step')} to run: {'; '.join(titles[:_NAMED])}{more}" if titles else "All steps are done"
    )
    return [*lines, *(f"Doubtful, {each.data}: {each.note}" for each in doubts), todo]


def _overrides(settings: Mapping[str, Any] | Sequence[str]) -> list[str]:
    if isinstance(settings, Mapping):
        return [f"{key}={value}" for key, value in settings.items()]
    return list(settings)
