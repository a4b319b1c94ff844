"""Execution of single steps of a study in any process; inputs are read from the study's directory."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeAlias

from hilum.artifacts import LEASE_SECONDS, locked
from hilum.errors import HilumError, TrainingFailedError
from hilum.finetuning.monitoring.starting_probe import Probes
from hilum.progress import ProgressReport, silent
from hilum.report.layouts import with_layout
from hilum.report.page import write_report
from hilum.report.tasks import write_overview
from hilum.study.execution.across_tasks import evaluate_across_tasks, overview_content
from hilum.study.execution.evaluate import evaluate_task
from hilum.study.execution.explain import explain_arms
from hilum.study.execution.external import store_of
from hilum.study.execution.report_content import report_content
from hilum.study.execution.sweep import SweepPart, sweep_arm
from hilum.study.execution.train import perform
from hilum.study.file.views import starts_in
from hilum.study.logs import CurveLog
from hilum.study.plan import (
    REPORT,
    FailedArm,
    Step,
    clear_for,
    describe_failure,
    failed_arms,
    finetuning_directory,
    forget_progress,
    forget_without_page,
    is_done,
    keys_with_failures,
    pretraining_directories,
    read_record,
    record_failure,
    recorded_progress,
    run_once,
    without_failed,
)
from hilum.study.plan.record import PLAN, Outcome
from hilum.study.plan.step_types import (
    AcrossStep,
    EncoderStep,
    EvaluateStep,
    ExplainStep,
    ExternalStep,
    FinetuneStep,
    GenerateStep,
    OverviewStep,
    ReportStep,
    StartStep,
    TaskStep,
)
from hilum.study.plan.steps import directory_of_start, sweep_directory
from hilum.study.prepared import Prepared, PreparedStudy
from hilum.training.distributed import rank, run_on_rank0, world_size

_OnAllRanks: TypeAlias = StartStep | FinetuneStep
"""Steps that all ranks run with distributed training."""

ShowStep: TypeAlias = Callable[[int, int, Step], AbstractContextManager[ProgressReport]]
"""Function of (number of the step, number of steps, step) that returns a context manager with a progress callback."""


@contextmanager
def show_nothing(number: int, steps: int, step: Step) -> Iterator[ProgressReport]:  # noqa: ARG001 (as `ShowStep`)
    """Show no progress."""
    yield silent


@dataclass(frozen=True)
class EvaluatedTask:
    """A task with its trained and failed arms.

    Attributes:
        prepared: Prepared data, with the trained arms only.
        failed: Failed arms.
    """

    prepared: Prepared
    failed: list[FailedArm]


@dataclass(frozen=True)
class StepRunner:
    """Runs unfinished steps, and shows and records their progress.

    Attributes:
        out: Directory of the study.
        steps: Number of steps.
        show_step: Shows the progress of a step.
        curve_log: Log of training curves.
    """

    out: Path
    steps: int
    show_step: ShowStep = show_nothing
    curve_log: CurveLog | None = None

    def once(self, number: int, step: Step, key: str, work: Callable[[ProgressReport], None]) -> None:
        """Run a step, unless it is done."""
        directory = self.out / step.directory

        def show_and_work() -> None:
            with self.show_step(number, self.steps, step) as show:
                report = recorded_progress(directory, show)
                if self.curve_log is None:
                    work(report)
                else:
                    work(self.curve_log.reporting(step.directory, report))
                    self.curve_log.update(step.directory)

        def work_together() -> None:
            if not isinstance(step, _OnAllRanks):
                run_on_rank0(show_and_work)
            elif rank() == 0:
                show_and_work()
            else:
                work(silent)

        run_once(directory, key, step.title, work_together)


@dataclass(frozen=True)
class StudyWork:
    """Work of a study: a callable that runs the step with a given directory, unless it is done.

    Attributes:
        prepared: Prepared data of the task.
        steps: Steps in order.
        keys: Fingerprints of the steps if no arm fails.
        out: Directory of the study.
        workers: Threads that decode images or prepare batches.
        show_step, curve_log: As in `StepRunner`.
        elsewhere: Whether other processes run other steps at the same time; the directory of a step is then locked.
        probes: Cache of the last linear probe of a start.
        parts: Parts of sweeps for several processes (`parts_of_sweeps`), by name.
    """

    prepared: PreparedStudy
    steps: Sequence[Step]
    keys: Mapping[str, str]
    out: Path
    workers: int | None = None
    show_step: ShowStep = show_nothing
    curve_log: CurveLog | None = None
    elsewhere: bool = False
    probes: Probes = field(default_factory=dict)
    parts: Mapping[str, SweepPart] = field(default_factory=dict)

    def __call__(self, directory: str) -> None:
        """Run one step, or one part of a step.

        Raises:
            HilumError: The step fails.
        """
        if directory in self.parts:
            with locked(self.out / directory, wait_seconds=3 * LEASE_SECONDS):
                self._do_part(directory, self.parts[directory])
            return
        number, step = self._by_directory[directory]
        if isinstance(step, GenerateStep):  # done before the plan
            return
        if not self.elsewhere:
            self._do(number, step)
            return
        if not (self.out / PLAN).is_file():
            raise HilumError(
                self.out,
                expected="the directory of the study",
                found="none here",
                fix="Give a path on a file system that all nodes of the cluster share.",
            )
        with locked(self.out / step.directory, wait_seconds=3 * LEASE_SECONDS):
            self._do(number, step)

    def key_of(self, step: Step) -> str:
        """Return the fingerprint of a step, given the arms that failed before it."""
        if not isinstance(step, TaskStep):
            return self.keys[step.directory]
        failed = failed_arms(self.prepared.views[step.view].study, self.out, self.keys)
        return keys_with_failures(self.steps, self.keys, failed, step.view)[step.directory]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle for another process, which shows no progress and locks its steps."""
        sent = (self.prepared, list(self.steps), dict(self.keys), self.out, self.workers, dict(self.parts))
        return _elsewhere, sent

    @cached_property
    def _by_directory(self) -> dict[str, tuple[int, Step]]:
        return {step.directory: (number, step) for number, step in enumerate(self.steps, start=1)}

    def _do(self, number: int, step: Step) -> None:
        directory, key, began = self.out / step.directory, self.key_of(step), time.monotonic()
        if (before := self._failed_before(step)) is not None:
            outcome, message = before
            run_on_rank0(lambda: record_failure(directory, key, step.title, 0.0, outcome, message))
            return
        if isinstance(step, ReportStep | OverviewStep):
            run_on_rank0(partial(forget_without_page, self.out / step.view))
        runner = StepRunner(self.out, len(self.steps), self.show_step, self.curve_log)
        try:
            runner.once(number, step, key, self._work_of(step))
        except TrainingFailedError as error:
            message = describe_failure(step, self._view(step).study, error)
            if world_size() > 1:  # other ranks may not know, so that no rank can continue
                raise HilumError(directory, expected="a training", found=message, fix="Run it again.") from error
            record_failure(directory, key, step.title, time.monotonic() - began, error.code, message)

    def _do_part(self, name: str, part: SweepPart) -> None:
        """Train one part of a sweep, unless the sweep is done or its start failed."""
        step = part.step
        directory, key = self.out / step.directory, self.key_of(step)
        if self._failed_before(step) is not None or is_done(directory, key):
            return
        with locked(directory, wait_seconds=3 * LEASE_SECONDS):
            clear_for(directory, key)
        number, _ = self._by_directory[step.directory]
        with self.show_step(number, len(self.steps), step) as show:
            report = recorded_progress(self.out / name, show)
            sweep_arm(step, self._view(step), self.out, 1 if self.workers is None else self.workers, report, part.part)
        forget_progress(self.out / name)

    def _view(self, step: Step) -> Prepared:
        return self.prepared.views.get(step.view, self.prepared.first)

    def _trained_arms(self, view: Prepared) -> EvaluatedTask:
        failed = failed_arms(view.study, self.out, self.keys)
        return EvaluatedTask(without_failed(view, failed), failed)

    def _work_of(self, step: Step) -> Callable[[ProgressReport], None]:
        out, view = self.out, self._view(step)
        match step:
            case AcrossStep():
                return lambda _: evaluate_across_tasks(self._views_with_trained_arms(), out)
            case OverviewStep():
                return lambda _: _overview(self._views_with_trained_arms(), out)
            case EvaluateStep():
                return partial(evaluate_task, self._trained_arms(view).prepared, out)
            case ExplainStep(data=data, directory=directory):
                trained = self._trained_arms(view).prepared
                return lambda report: explain_arms(trained, store_of(out, data), out, out / directory, report)
            case ReportStep():
                task = self._trained_arms(view)
                return lambda _: _report(task, list(self.steps), out)
            case GenerateStep():
                raise ValueError(f"{step.directory}: images are generated before a study is planned")
            case _:
                return partial(perform, step, view, out, self.workers, probes=self.probes)

    def _views_with_trained_arms(self) -> list[Prepared]:
        return [self._trained_arms(view).prepared for view in self.prepared.views.values()]

    def _failed_before(self, step: Step) -> tuple[Outcome, str] | None:
        """Return the failure of a step's start or sweep; None without one."""
        if not isinstance(step, EncoderStep):
            return None
        view = self._view(step)
        if any(self._has_failed(directory) for directory in required_trainings(step, view)):
            return "pretraining_failed", "the training of its initial weights failed"
        if not isinstance(step, FinetuneStep) or view.study.sweep_of(step.arm) is None:
            return None
        failed = self._has_failed(sweep_directory(view.study, step.arm))
        return ("diverged", "all trials of its sweep diverged") if failed else None

    def _has_failed(self, directory: str) -> bool:
        record = read_record(self.out / directory)
        return record is not None and record.outcome != "done"


def _elsewhere(
    prepared: PreparedStudy,
    steps: list[Step],
    keys: dict[str, str],
    out: Path,
    workers: int | None,
    parts: dict[str, SweepPart],
) -> StudyWork:
    return StudyWork(prepared, steps, keys, out, workers, elsewhere=True, parts=parts)


def required_trainings(step: EncoderStep, view: Prepared) -> list[str]:
    """Return the directories of the trainings whose weights a step needs."""
    study = view.study
    if isinstance(step, StartStep):
        return [directory_of_start(study, step.encoder, init, step.seed) for init in starts_in(step.init)][:-1]
    starts = pretraining_directories(study, step.arm, step.seed)
    model = [finetuning_directory(study, step.arm, step.seed)] if isinstance(step, ExternalStep) else []
    return starts + model


def _report(task: EvaluatedTask, steps: list[Step], out: Path) -> None:
    study = task.prepared.study
    page, content = out / study.place, report_content(task.prepared, out, steps, task.failed)
    write_report(content if study.place else with_layout(content, study.layout, out), page)
    (page / REPORT).mkdir(exist_ok=True)  # for its record; the page is at the top level


def _overview(views: Sequence[Prepared], out: Path) -> None:
    write_overview(with_layout(overview_content(views, out), views[0].study.layout, out), out)
    (out / REPORT).mkdir(exist_ok=True)
