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
from hilum.report.page import PAGE, write_report
from hilum.study.execution.curve_log import TensorBoardLog
from hilum.study.execution.evaluate import judge
from hilum.study.execution.explain import explain_arms
from hilum.study.execution.report_content import report_content
from hilum.study.execution.train import perform, store_of
from hilum.study.file import Study, as_yaml
from hilum.study.generate import generate, generated_root, generation_key
from hilum.study.plan import (
    REPORT,
    FailedArm,
    Prepared,
    Step,
    count_images,
    failed_arms,
    failure_in_words,
    forget_without_page,
    guess_images,
    keys_with_failures,
    perform_once,
    pretraining_directory,
    read_record,
    record_failure,
    recorded_progress,
    refuse_contaminated,
    step_keys,
    steps_of,
    without_failed,
)
from hilum.study.plan.prepare import prepare
from hilum.study.plan.record import Outcome
from hilum.study.plan.steps import sweep_directory
from hilum.training.distributed import by_the_first, joined_processes, rank, world_size

CHECK = "check.json"
"""In a study's directory: which study was tried in miniature there."""

_OF_ALL = ("pretrain", "finetune")
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
    check: Callable[[Prepared], object] | None = None,
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
        steps = steps_of(study, count_images(prepared))
        keys = by_the_first(lambda: step_keys(steps, prepared))
        tried = _check_once(check, prepared, steps, keys, out)
        by_the_first(lambda: _write_study(study, out, steps, keys))
        if tried:
            write_json(out / CHECK, {"key": tried})
        curve_log = TensorBoardLog(out) if log is not None and rank() == 0 else None
        if curve_log is not None:
            held.callback(curve_log.close)
        runner = _Runner(out, len(steps), show_step, study, curve_log)
        judged, failed = prepared, list[FailedArm]()
        for number, step in enumerate(steps, start=1):
            if step.kind == "evaluate":
                failed = failed_arms(study, out, keys)
                judged, keys = without_failed(prepared, failed), keys_with_failures(steps, keys, failed)
                by_the_first(partial(_write_plan, out, steps, keys))
            work = _work_of(step, prepared, judged, failed, steps, out, workers)
            if work is not None:
                runner.once(number, step, keys[step.directory], work)
        return out / PAGE


def _check_once(
    check: Callable[[Prepared], object] | None,
    prepared: Prepared,
    steps: list[Step],
    keys: Mapping[str, str],
    out: Path,
) -> str | None:
    """Try the study in miniature, unless that can tell nothing new; returns what to record, None where it was not."""
    if check is None or world_size() > 1:
        return None
    key = fingerprint(["check", keys])
    records = {step.directory: read_record(out / step.directory) for step in steps}
    judged = keys_with_failures(steps, keys, failed_arms(prepared.study, out, keys))
    if all(record is not None and record.key == judged[directory] for directory, record in records.items()):
        return None
    if (out / CHECK).is_file() and json.loads((out / CHECK).read_text(encoding="utf-8"))["key"] == key:
        return None
    check(prepared)
    return key


def _work_of(
    step: Step,
    prepared: Prepared,
    judged: Prepared,
    failed: list[FailedArm],
    steps: list[Step],
    out: Path,
    workers: int | None,
) -> Callable[[ProgressReport], None] | None:
    """What does a step; None for images that were generated before the plan was made."""
    if step.kind in ("store", "pretrain", "sweep", "finetune", "baselines"):
        return partial(perform, step, prepared, out, workers)
    if step.kind == "evaluate":
        return partial(judge, judged, out)
    if step.kind == "explain":
        return partial(explain_arms, judged, store_of(out, step.data), out, out / step.directory)
    if step.kind == "report":
        by_the_first(partial(forget_without_page, out))
        return lambda _: _report(judged, failed, steps, out)
    return None


def _report(judged: Prepared, failed: list[FailedArm], steps: list[Step], out: Path) -> None:
    write_report(report_content(judged, out, steps, failed), out)
    (out / REPORT).mkdir(exist_ok=True)  # for its record; the page lies at the top, where people look for it


def prepare_in(study: Study, roots: Mapping[str, Path], out: Path, *, allow_missing: bool = False) -> Prepared:
    """Read a study's data, with generated images where this study's directory has them."""
    generated = {name: generated_root(out, name) for name, data in study.data.items() if data.generate}
    return prepare(study, {**roots, **generated}, allow_missing=allow_missing)


def _generate_images(study: Study, out: Path, show_step: ShowStep, workers: int | None) -> None:
    """The images come first: the tables that all other steps are planned from are theirs."""
    steps = steps_of(study, guess_images(study))
    runner = _Runner(out, len(steps), show_step, study)
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
    study: Study
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
            outcome, told = before
            by_the_first(lambda: record_failure(directory, key, step.title, 0.0, outcome, told))
            return
        try:
            perform_once(directory, key, step.title, work_together)
        except TrainingFailedError as error:
            told = failure_in_words(step, self.study, error)
            if world_size() > 1:  # the others may not have noticed yet: they cannot go on together
                raise HilumError(directory, expected="a training", found=told, fix="Run it again then.") from error
            record_failure(directory, key, step.title, time.monotonic() - began, error.code, told)

    def _failed_before(self, step: Step) -> tuple[Outcome, str] | None:
        """Why a step has nothing to begin with."""
        if step.kind not in ("sweep", "finetune") or step.arm is None:
            return None
        if self._failed(pretraining_directory(self.study, step.arm, step.seed or 0)):
            return "pretraining_failed", "the pretraining that it starts from came to nothing"
        swept = step.kind == "finetune" and self.study.sweep_of(step.arm) is not None
        if swept and self._failed(sweep_directory(step.arm)):
            return "diverged", "its sweep found no settings with which training does not diverge"
        return None

    def _failed(self, directory: str | None) -> bool:
        record = None if directory is None else read_record(self.out / directory)
        return record is not None and record.outcome != "done"


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
