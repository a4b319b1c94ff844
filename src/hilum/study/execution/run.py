"""Run of a study: finished steps are kept, interrupted ones are resumed, changed ones are repeated.

Steps are tasks with dependencies (`hilum.study.scheduling`): one after another in this process, in several local
processes, or on a Ray cluster. With distributed training (`hilum.training.distributed.processes`), rank 0 does
everything except training while the other ranks wait.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from hilum.artifacts import fingerprint, locked, write_json, write_text
from hilum.errors import HilumError
from hilum.report.page import PAGE
from hilum.study.execution.external import store_of
from hilum.study.execution.mirror import Mirror
from hilum.study.execution.remote_progress import RemoteProgress
from hilum.study.execution.sweep import parts_of_sweeps
from hilum.study.execution.tasks import tasks_of
from hilum.study.execution.work import ShowStep, StepRunner, StudyWork
from hilum.study.file import Study, as_yaml
from hilum.study.file.views import views_of
from hilum.study.generate import generate, generated_root, generation_key
from hilum.study.logs import Log, open_log
from hilum.study.plan import (
    Step,
    count_images,
    is_done,
    keys_after_failures,
    refuse_contaminated,
    refuse_trained_copies,
    step_keys,
    steps_of,
)
from hilum.study.plan.prepare import prepare_study
from hilum.study.plan.record import PLAN
from hilum.study.plan.step_types import (
    ArmStep,
    DataStep,
    EncoderStep,
    EvaluateStep,
    FinetuneStep,
    GenerateStep,
    SuperviseStep,
)
from hilum.study.prepared import PreparedStudy
from hilum.study.scheduling import ComputeConfig, Task, ThisProcess, open_pool, run_tasks
from hilum.training.distributed import process_group, rank, run_on_rank0, world_size
from hilum.yaml_loader import load_yaml

_STUDY = "study.yaml"
CHECK = "check.json"
"""File with the key of the study that was checked in miniature."""


def run_study(
    study: Study,
    roots: Mapping[str, Path],
    out: Path,
    *,
    show_step: ShowStep,
    workers: int | None = None,
    allow_missing: bool = False,
    on_read: Callable[[PreparedStudy, list[Step]], object] | None = None,
    check: Callable[[PreparedStudy], object] | None = None,
    log: Log | None = None,
    where: ComputeConfig = ComputeConfig(),  # noqa: B008 (frozen)
    mirror: str | None = None,
) -> Path:
    """Run all unfinished steps of a study and write its report.

    Args:
        study: The study.
        roots: Folder of each data set that is not generated.
        out: Directory of the study. Finished steps with the same settings and data are kept.
        show_step: Shows the progress of a step; called once per running step.
        workers: Threads that decode images and prepare batches; results do not depend on it.
        allow_missing: Accept images without a file; they are excluded and counted.
        on_read: Called on rank 0 after the data are read and before any training, with the unfinished steps.
        check: Runs the study in miniature and raises if a step fails (`hilum.study.check.check_prepared`). Called
            before the first step, unless all steps are done or the same study was checked before; not with
            distributed training.
        log: Also log training curves for TensorBoard or MLflow, in `logs` (`hilum.study.logs`).
        where: Processes that run the steps.
        mirror: URL of a copy of the directory (`hilum.study.execution.mirror`): finished steps are downloaded first,
            and each step is uploaded when it is done.

    Returns:
        Path of report.html.

    Raises:
        HilumError: `out` contains other files or another study, or a step fails.
    """
    with process_group(), ExitStack() as held:
        pool = held.enter_context(open_pool(where))
        run_on_rank0(lambda: held.enter_context(locked(out)))
        run_on_rank0(lambda: _check_own(study, out))
        _generate_images(study, out, show_step, workers)
        prepared = prepare_in(study, roots, out, allow_missing=allow_missing)
        refuse_contaminated(prepared)
        steps = steps_of(study, {place: count_images(view) for place, view in prepared.views.items()})
        keys = run_on_rank0(lambda: step_keys(steps, prepared))
        if on_read is not None and rank() == 0:
            on_read(prepared, _unfinished(prepared, steps, keys, out))
        tried = _check_once(check, prepared, steps, keys, out)
        run_on_rank0(lambda: _write_study(study, out, steps, keys))
        copy = Mirror(mirror, out) if mirror is not None and rank() == 0 else None
        run_on_rank0(lambda: copy.restore(steps, keys) if copy else None)
        if tried:
            write_json(out / CHECK, {"key": tried})
        curve_log = held.enter_context(open_log(log, out, prepared, out / PAGE))
        evaluations = {step.directory for step in steps if isinstance(step, EvaluateStep)}

        by_directory = {step.directory: step for step in steps}
        to_search = _trains_with_labels(steps, keys, out)

        def before(task: Task) -> None:
            nonlocal to_search
            decoded = task.name not in parts and not isinstance(by_directory[task.name], DataStep)
            if to_search and decoded:
                run_on_rank0(lambda: refuse_trained_copies(prepared, partial(store_of, out)))
                to_search = False
            if task.name in evaluations:  # the arms without failures are known now
                final = keys_after_failures(prepared, steps, keys, out)
                run_on_rank0(partial(_write_plan, study, out, steps, final))

        def after(task: Task) -> None:
            if copy is not None and task.name not in parts:
                copy.keep(by_directory[task.name])

        parts = {} if isinstance(pool, ThisProcess) else parts_of_sweeps(prepared, steps, keys, out)
        work = StudyWork(prepared, steps, keys, out, workers, show_step, curve_log, parts=parts)
        tasks = tasks_of(prepared, steps, keys, out, where, gpus=pool.gpus, parts=parts)
        with RemoteProgress(out, steps, show_step, curve_log, parts) as remote:
            run_tasks(tasks, work, pool, before=before, after=after, on_wait=remote.update)
        if copy is not None:
            copy.keep_pages(prepared.views)
        return out / PAGE


def _trains_with_labels(steps: list[Step], keys: Mapping[str, str], out: Path) -> bool:
    """Return whether a step that trains with labels is unfinished."""
    training = [step.directory for step in steps if isinstance(step, SuperviseStep | FinetuneStep)]
    return any(not is_done(out / directory, keys[directory]) for directory in training)


def _check_once(
    check: Callable[[PreparedStudy], object] | None,
    prepared: PreparedStudy,
    steps: list[Step],
    keys: Mapping[str, str],
    out: Path,
) -> str | None:
    """Check the study in miniature unless it is done or was checked; return the key to record, None without a check."""
    if check is None or world_size() > 1:
        return None
    key = fingerprint(["check", keys])
    if not _unfinished(prepared, steps, keys, out):
        return None
    if (out / CHECK).is_file() and json.loads((out / CHECK).read_text(encoding="utf-8"))["key"] == key:
        return None
    check(prepared)
    return key


def _unfinished(prepared: PreparedStudy, steps: list[Step], keys: Mapping[str, str], out: Path) -> list[Step]:
    """Return the steps to run, given the arms that failed in `out`."""
    final = keys_after_failures(prepared, steps, keys, out)
    return [step for step in steps if not is_done(out / step.directory, final[step.directory])]


def prepare_in(study: Study, roots: Mapping[str, Path], out: Path, *, allow_missing: bool = False) -> PreparedStudy:
    """Prepare a study's data, with generated images in the study's directory."""
    generated = {name: generated_root(out, name) for name, data in study.data.items() if data.generate}
    return prepare_study(study, {**roots, **generated}, allow_missing=allow_missing)


def _generate_images(study: Study, out: Path, show_step: ShowStep, workers: int | None) -> None:
    """Generate images first: all other steps are planned from their tables."""
    steps = steps_of(study, None)
    runner = StepRunner(out, len(steps), show_step)
    for number, step in enumerate(steps, start=1):
        if isinstance(step, GenerateStep):
            run_on_rank0(lambda: _write_plan(study, out, steps, {}))
            runner.once(
                number, step, generation_key(study, step.data), partial(generate, study, step.data, out, workers)
            )


def _check_own(study: Study, out: Path) -> None:
    """Refuse a folder with other files or another study, since steps replace their folders."""
    if out.exists() and not (out / PLAN).exists() and (not out.is_dir() or any(out.iterdir())):
        raise HilumError(
            out,
            expected="a new folder, or that of an earlier run of a study",
            found="other files" if out.is_dir() else "a file",
            fix="Give another folder with --out.",
        )
    if not (out / _STUDY).is_file():
        return
    before = load_yaml((out / _STUDY).read_text(encoding="utf-8"))
    if before["question"] != study.question and not {*before["arms"]} <= {*study.arms}:
        raise HilumError(
            out,
            expected="a new folder, or that of an earlier run of this study",
            found=f"another study, with another question and arms: {before['question']}",
            fix="Give another folder with --out. To continue in this one with other arms, keep its question.",
        )


def _write_study(study: Study, out: Path, steps: list[Step], keys: Mapping[str, str]) -> None:
    _write_plan(study, out, steps, keys)
    write_text(out / _STUDY, as_yaml(study))


def _write_plan(study: Study, out: Path, steps: list[Step], keys: Mapping[str, str]) -> None:
    """Write plan.json: each step with its arm, seed, task and label fraction.

    `hilum study status` compares it with the directory; reports and `hilum explain` read from it what a directory is.
    """
    views = {view.directory: view for view in views_of(study)}
    listed = [
        {
            "kind": s.kind,
            "title": s.title,
            "directory": s.directory,
            "gigaflops": s.gigaflops,
            "key": keys.get(s.directory),
            "arm": s.arm if isinstance(s, ArmStep) else None,
            "seed": s.seed if isinstance(s, EncoderStep) else None,
            "view": s.view,
            "task": views[s.view].task if s.view in views else None,
            "label_fraction": views[s.view].label_fraction if s.view in views else None,
        }
        for s in steps
    ]
    write_json(out / PLAN, listed)
