"""Running a study: what is done already is left, what was interrupted goes on, what changed is done again.

Steps are tasks with their dependencies (`hilum.study.scheduling`): in this process, one after another; in several of
this machine; or on a Ray cluster. Of several processes that train together (`hilum.training.distributed.processes`)
all train; the first one alone does everything else, and the others wait for it.
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
from hilum.study.generate import generate, generated_root, generation_key
from hilum.study.logs import Log, open_log
from hilum.study.plan import (
    Step,
    count_images,
    failed_arms,
    keys_with_failures,
    read_record,
    refuse_contaminated,
    refuse_trained_copies,
    step_keys,
    steps_of,
)
from hilum.study.plan.prepare import prepare_study
from hilum.study.prepared import PreparedStudy
from hilum.study.scheduling import ComputeConfig, Task, ThisProcess, open_pool, run_tasks
from hilum.training.distributed import by_the_first, joined_processes, rank, world_size
from hilum.yaml_loader import load_yaml

_STUDY = "study.yaml"
CHECK = "check.json"
"""In a study's directory: which study was tried in miniature there."""


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
    """Run every step of a study that is not done yet, and write its report.

    Args:
        study: the study.
        roots: folder of each data set that is not generated.
        out: directory of the study. Steps done there before, with the same settings and data, are kept.
        show_step: shows which step runs and how far it is; of several at once, one call for each.
        workers: threads that decode images and prepare batches; the results do not depend on it.
        allow_missing: run without the images whose file is not there; they are set aside and counted.
        on_read: called in the first process once the data are read, before anything is trained, with the steps that
            are left to do.
        check: tries the study in miniature and raises where it cannot run to its end
            (`hilum.study.check.check_prepared`). Called before the first step, unless all steps are done or the same
            study was tried here before; not where several processes train together.
        log: write the curves of training also for TensorBoard or MLflow, into `logs`
            (`hilum.study.logs`).
        where: in which processes the steps are done.
        mirror: URL of a copy of the directory (`hilum.study.execution.mirror`): steps that are done there are fetched
            first, and each is copied there when it is done.

    Returns:
        Path of report.html.

    Raises:
        HilumError: `out` holds something else than a study, or a step cannot be done.
    """
    with joined_processes(), ExitStack() as held:
        pool = held.enter_context(open_pool(where))
        by_the_first(lambda: held.enter_context(locked(out)))
        by_the_first(lambda: _check_own(study, out))
        _generate_images(study, out, show_step, workers)
        prepared = prepare_in(study, roots, out, allow_missing=allow_missing)
        refuse_contaminated(prepared)
        steps = steps_of(study, {place: count_images(view) for place, view in prepared.views.items()})
        keys = by_the_first(lambda: step_keys(steps, prepared))
        if on_read is not None and rank() == 0:
            judged = keys_after_failures(prepared, steps, keys, out)
            on_read(prepared, [step for step in steps if not _is_done(step, judged, out)])
        tried = _check_once(check, prepared, steps, keys, out)
        by_the_first(lambda: _write_study(study, out, steps, keys))
        copy = Mirror(mirror, out) if mirror is not None and rank() == 0 else None
        by_the_first(lambda: copy.restore(steps, keys) if copy else None)
        if tried:
            write_json(out / CHECK, {"key": tried})
        curve_log = held.enter_context(open_log(log, out, prepared, out / PAGE))
        evaluations = {step.directory for step in steps if step.kind == "evaluate"}

        by_directory = {step.directory: step for step in steps}
        to_look = _learns_from_labels(steps, keys, out)

        def before(task: Task) -> None:
            nonlocal to_look
            if (
                to_look and task.name not in parts and by_directory[task.name].kind not in ("generate", "store")
            ):  # all images are decoded
                by_the_first(lambda: refuse_trained_copies(prepared, partial(store_of, out)))
                to_look = False
            if task.name in evaluations:  # which arms it judges is known now
                judged = keys_after_failures(prepared, steps, keys, out)
                by_the_first(partial(_write_plan, out, steps, judged))

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


def _learns_from_labels(steps: list[Step], keys: Mapping[str, str], out: Path) -> bool:
    """Whether a step that trains with labels is not done yet."""
    return any(step.kind in ("supervise", "finetune") and not _is_done(step, keys, out) for step in steps)


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
    judged = keys_after_failures(prepared, steps, keys, out)
    if all(_is_done(step, judged, out) for step in steps):
        return None
    if (out / CHECK).is_file() and json.loads((out / CHECK).read_text(encoding="utf-8"))["key"] == key:
        return None
    check(prepared)
    return key


def _is_done(step: Step, keys: Mapping[str, str], out: Path) -> bool:
    record = read_record(out / step.directory)
    return record is not None and record.key == keys[step.directory]


def keys_after_failures(
    prepared: PreparedStudy, steps: list[Step], keys: Mapping[str, str], out: Path
) -> dict[str, str]:
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
    runner = StepRunner(out, len(steps), show_step)
    for number, step in enumerate(steps, start=1):
        if step.kind == "generate":
            by_the_first(lambda: _write_plan(out, steps, {}))
            runner.once(
                number, step, generation_key(study, step.data), partial(generate, study, step.data, out, workers)
            )


def _check_own(study: Study, out: Path) -> None:
    """Refuse a folder of other things, or of another study: steps replace their folders in it."""
    if out.exists() and not (out / "plan.json").exists() and (not out.is_dir() or any(out.iterdir())):
        raise HilumError(
            out,
            expected="a new folder, or that of an earlier run of a study",
            found="other files" if out.is_dir() else "a file",
            fix="Name another folder with --out.",
        )
    if not (out / _STUDY).is_file():
        return
    before = load_yaml((out / _STUDY).read_text(encoding="utf-8"))
    if before["question"] != study.question and not {*before["arms"]} <= {*study.arms}:
        raise HilumError(
            out,
            expected="a new folder, or that of an earlier run of this study",
            found=f"another study, with another question and arms: {before['question']}",
            fix="Name another folder with --out. To go on in this one with other arms, keep its question.",
        )


def _write_study(study: Study, out: Path, steps: list[Step], keys: Mapping[str, str]) -> None:
    _write_plan(out, steps, keys)
    write_text(out / _STUDY, as_yaml(study))


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
