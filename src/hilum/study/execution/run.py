"""Running a study: what is done already is left, what was interrupted goes on, what changed is done again.

Of several processes (`hilum.training.distributed.processes`) all train together; the first one alone does everything
else, and the others wait for it.
"""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from hilum.artifacts import fingerprint, locked, write_json, write_text
from hilum.errors import HilumError, TrainingFailedError
from hilum.progress import ProgressReport, silent
from hilum.report.layouts import with_layout
from hilum.report.page import PAGE, write_report
from hilum.report.tasks import write_overview
from hilum.study.execution.across_tasks import judge_across, overview_content
from hilum.study.execution.curve_log import TensorBoardLog
from hilum.study.execution.evaluate import judge
from hilum.study.execution.explain import explain_arms
from hilum.study.execution.external import store_of
from hilum.study.execution.report_content import report_content
from hilum.study.execution.train import perform
from hilum.study.file import Study, as_yaml
from hilum.study.file.views import starts_in
from hilum.study.generate import generate, generated_root, generation_key
from hilum.study.plan import (
    REPORT,
    FailedArm,
    Step,
    count_images,
    failed_arms,
    failure_in_words,
    finetuning_directory,
    forget_without_page,
    keys_with_failures,
    perform_once,
    pretraining_directories,
    read_record,
    record_failure,
    recorded_progress,
    refuse_contaminated,
    refuse_trained_copies,
    step_keys,
    steps_of,
    without_failed,
)
from hilum.study.plan.prepare import prepare_study
from hilum.study.plan.record import Outcome
from hilum.study.plan.steps import directory_of_start, sweep_directory
from hilum.study.prepared import Prepared, PreparedStudy
from hilum.training.distributed import by_the_first, joined_processes, rank, world_size

CHECK = "check.json"
"""In a study's directory: which study was tried in miniature there."""

_OF_ALL = ("pretrain", "supervise", "finetune")
"""Steps that all processes do together."""

ShowStep: TypeAlias = Callable[[int, int, Step], AbstractContextManager[ProgressReport]]
"""Called with (number of the step, steps in all, step); gives what shows the step's progress."""


def run_study(
    study: Study,
    roots: Mapping[str, Path],
    out: Path,
    *,
    show_step: ShowStep,
    workers: int | None = None,
    allow_missing: bool = False,
    check: Callable[[PreparedStudy], object] | None = None,
    log: Literal["tensorboard"] | None = None,
) -> Path:
    """Run every step of a study that is not done yet, and write its report.

    Args:
        study: the study.
        roots: folder of each data set that is not generated.
        out: directory of the study. Steps done there before, with the same settings and data, are kept.
        show_step: shows which step runs and how far it is.
        workers: threads that decode images and prepare batches; the results do not depend on it.
        allow_missing: run without the images whose file is not there; they are set aside and counted.
        check: tries the study in miniature and raises where it cannot run to its end
            (`hilum.study.check.check_prepared`). Called before the first step, unless all steps are done or the same
            study was tried here before; not where several processes train together.
        log: write the curves of training also for TensorBoard, into `logs`
            (`hilum.study.execution.curve_log.TensorBoardLog`).

    Returns:
        Path of report.html.

    Raises:
        HilumError: `out` holds something else than a study, or a step cannot be done.
    """
    with joined_processes(), ExitStack() as held:
        by_the_first(lambda: held.enter_context(locked(out)))
        by_the_first(lambda: _check_own(out))
        _generate_images(study, out, show_step, workers)
        prepared = prepare_in(study, roots, out, allow_missing=allow_missing)
        refuse_contaminated(prepared)
        steps = steps_of(study, {place: count_images(view) for place, view in prepared.views.items()})
        keys = by_the_first(lambda: step_keys(steps, prepared))
        tried = _check_once(check, prepared, steps, keys, out)
        by_the_first(lambda: _write_study(study, out, steps, keys))
        if tried:
            write_json(out / CHECK, {"key": tried})
        curve_log = TensorBoardLog(out) if log is not None and rank() == 0 else None
        if curve_log is not None:
            held.callback(curve_log.close)
        runner = _Runner(out, len(steps), show_step, prepared, curve_log)
        judged: dict[str, Judged] = {}
        to_look = _learns_from_labels(steps, keys, out)
        for number, step in enumerate(steps, start=1):
            if to_look and step.kind not in ("generate", "store"):
                by_the_first(lambda: refuse_trained_copies(prepared, partial(store_of, out)))
                to_look = False
            if step.kind == "evaluate":
                view = prepared.views[step.view]
                failed = failed_arms(view.study, out, keys)
                judged[step.view] = Judged(without_failed(view, failed), failed)
                keys = keys_with_failures(steps, keys, failed, step.view)
                by_the_first(partial(_write_plan, out, steps, keys))
            work = _work_of(step, prepared, judged, steps, out, workers)
            if work is not None:
                runner.once(number, step, keys[step.directory], work)
        return out / PAGE


@dataclass(frozen=True)
class Judged:
    """A task that can be judged.

    Attributes:
        prepared: with the arms that were trained.
        failed: the others.
    """

    prepared: Prepared
    failed: list[FailedArm]


def _learns_from_labels(steps: list[Step], keys: Mapping[str, str], out: Path) -> bool:
    """Whether a step that trains with labels is not done yet."""
    records = [(step, read_record(out / step.directory)) for step in steps if step.kind in ("supervise", "finetune")]
    return any(record is None or record.key != keys[step.directory] for step, record in records)


def _check_once(
    check: Callable[[PreparedStudy], object] | None,
    prepared: PreparedStudy,
    steps: list[Step],
    keys: Mapping[str, str],
    out: Path,
) -> str | None:
    """Try the study in miniature, unless that can tell nothing new; returns what to record, None where it was not."""
    if check is None or world_size() > 1:
        return None
    key = fingerprint(["check", keys])
    records = {step.directory: read_record(out / step.directory) for step in steps}
    judged = keys_of_judged(prepared, steps, keys, out)
    if all(record is not None and record.key == judged[directory] for directory, record in records.items()):
        return None
    if (out / CHECK).is_file() and json.loads((out / CHECK).read_text(encoding="utf-8"))["key"] == key:
        return None
    check(prepared)
    return key


def _work_of(
    step: Step,
    prepared: PreparedStudy,
    judged: Mapping[str, Judged],
    steps: list[Step],
    out: Path,
    workers: int | None,
) -> Callable[[ProgressReport], None] | None:
    """What does a step; None for images that were generated before the plan was made."""
    if step.kind in ("store", "pretrain", "supervise", "sweep", "finetune", "external", "baselines"):
        return partial(perform, step, prepared.views.get(step.view, prepared.first), out, workers)
    if step.kind == "across":
        return lambda _: judge_across([each.prepared for each in judged.values()], out)
    if step.kind in ("report", "overview"):
        by_the_first(partial(forget_without_page, out / step.view))
    if step.kind == "overview":
        return lambda _: _overview(judged, out)
    if step.kind == "generate":
        return None
    of_view = judged[step.view]
    if step.kind == "evaluate":
        return partial(judge, of_view.prepared, out)
    if step.kind == "explain":
        return partial(explain_arms, of_view.prepared, store_of(out, step.data), out, out / step.directory)
    return lambda _: _report(of_view, steps, out)


def _report(judged: Judged, steps: list[Step], out: Path) -> None:
    study = judged.prepared.study
    page, content = out / study.place, report_content(judged.prepared, out, steps, judged.failed)
    write_report(content if study.place else with_layout(content, study.layout, out), page)
    (page / REPORT).mkdir(exist_ok=True)  # for its record; the page lies at the top, where people look for it


def _overview(judged: Mapping[str, Judged], out: Path) -> None:
    views = [each.prepared for each in judged.values()]
    write_overview(with_layout(overview_content(views, out), views[0].study.layout, out), out)
    (out / REPORT).mkdir(exist_ok=True)


def keys_of_judged(prepared: PreparedStudy, steps: list[Step], keys: Mapping[str, str], out: Path) -> dict[str, str]:
    """Keys of all steps, with the arms that failed in `out`."""
    judged = dict(keys)
    for place, view in prepared.views.items():
        judged = keys_with_failures(steps, judged, failed_arms(view.study, out, keys), place)
    return judged


def prepare_in(study: Study, roots: Mapping[str, Path], out: Path, *, allow_missing: bool = False) -> PreparedStudy:
    """Read a study's data, with generated images where this study's directory has them."""
    generated = {name: generated_root(out, name) for name, data in study.data.items() if data.generate}
    return prepare_study(study, {**roots, **generated}, allow_missing=allow_missing)


def _generate_images(study: Study, out: Path, show_step: ShowStep, workers: int | None) -> None:
    """The images come first: the tables that all other steps are planned from are theirs."""
    steps = steps_of(study, None)
    runner = _Runner(out, len(steps), show_step, None)
    for number, step in enumerate(steps, start=1):
        if step.kind == "generate":
            by_the_first(lambda: _write_plan(out, steps, {}))
            runner.once(
                number, step, generation_key(study, step.data), partial(generate, study, step.data, out, workers)
            )


def _check_own(out: Path) -> None:
    """Refuse a folder of other things: steps replace their folders in it."""
    if out.exists() and not (out / "plan.json").exists() and (not out.is_dir() or any(out.iterdir())):
        raise HilumError(
            out,
            expected="a new folder, or that of an earlier run of a study",
            found="other files" if out.is_dir() else "a file",
            fix="Name another folder with --out.",
        )


@dataclass(frozen=True)
class _Runner:
    """Does steps that are not done, showing and recording their progress."""

    out: Path
    steps: int
    show_step: ShowStep
    prepared: PreparedStudy | None
    curve_log: TensorBoardLog | None = None

    def once(self, number: int, step: Step, key: str, work: Callable[[ProgressReport], None]) -> None:
        directory = self.out / step.directory

        def show_and_work() -> None:
            with self.show_step(number, self.steps, step) as show:
                report = recorded_progress(directory, show)
                if self.curve_log is None:
                    work(report)
                else:
                    work(self.curve_log.following(step.directory, report))
                    self.curve_log.look(step.directory)

        def work_together() -> None:
            if step.kind not in _OF_ALL:
                by_the_first(show_and_work)
            elif rank() == 0:
                show_and_work()
            else:
                work(silent)

        began = time.monotonic()
        if (before := self._failed_before(step)) is not None:
            outcome, message = before
            by_the_first(lambda: record_failure(directory, key, step.title, 0.0, outcome, message))
            return
        try:
            perform_once(directory, key, step.title, work_together)
        except TrainingFailedError as error:
            if self.prepared is None:
                raise
            message = failure_in_words(step, self.prepared.views.get(step.view, self.prepared.first).study, error)
            if world_size() > 1:  # the others may not have noticed yet: they cannot go on together
                raise HilumError(directory, expected="a training", found=message, fix="Run it again then.") from error
            record_failure(directory, key, step.title, time.monotonic() - began, error.code, message)

    def _failed_before(self, step: Step) -> tuple[Outcome, str] | None:
        """Why a step has nothing to begin with."""
        if self._starts_from_nothing(step):
            return "pretraining_failed", "what it starts from came to nothing"
        if self.prepared is None or step.kind != "finetune" or step.arm is None:
            return None
        study = self.prepared.views[step.view].study
        swept = study.sweep_of(step.arm) is not None
        record = read_record(self.out / sweep_directory(study, step.arm)) if swept else None
        if record is not None and record.outcome != "done":
            return "diverged", "its sweep found no settings with which training does not diverge"
        return None

    def _starts_from_nothing(self, step: Step) -> bool:
        """Whether a step needs what a training that failed has not left."""
        if (
            self.prepared is None
            or step.kind not in ("supervise", "sweep", "finetune", "external")
            or step.seed is None
        ):
            return False
        study = self.prepared.views[step.view].study
        if step.kind == "supervise" and step.init is not None and step.encoder is not None:
            needed = [directory_of_start(study, step.encoder, init, step.seed) for init in starts_in(step.init)][:-1]
        else:
            needed = pretraining_directories(study, str(step.arm), step.seed)
        if step.kind == "external":
            needed = [*needed, finetuning_directory(study, str(step.arm), step.seed)]
        records = [read_record(self.out / directory) for directory in needed]
        return any(record is not None and record.outcome != "done" for record in records)


def _write_study(study: Study, out: Path, steps: list[Step], keys: Mapping[str, str]) -> None:
    _write_plan(out, steps, keys)
    write_text(out / "study.yaml", as_yaml(study))


def _write_plan(out: Path, steps: list[Step], keys: Mapping[str, str]) -> None:
    """What `hilum study status` compares the directory with."""
    listed = [
        {
            "kind": s.kind,
            "title": s.title,
            "directory": s.directory,
            "gigaflops": s.gigaflops,
            "key": keys.get(s.directory),
        }
        for s in steps
    ]
    write_json(out / "plan.json", listed)
