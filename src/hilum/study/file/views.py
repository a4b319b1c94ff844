"""Views of a study file: one study with a single task for each task and label fraction."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hilum.artifacts import fingerprint
from hilum.augment.library import as_written
from hilum.findings import labelled_by
from hilum.study.file.pretraining import Pretrained, Supervised
from hilum.study.file.schema import Arm, Init, Study
from hilum.study.file.section import percent_of
from hilum.study.file.task import Task

ONE_TASK = "task"
"""Name of the only task of a study with `task`."""

TASKS = "tasks"
"""Folder with one subfolder per task, in the directory of a study with several tasks or label fractions."""


@dataclass(frozen=True)
class View:
    """One task at one label fraction.

    Attributes:
        name: Title: the task and, if it has several, the label fraction.
        task: Name of the task.
        label_fraction: Fraction of the training patients whose labels are used.
        directory: Folder of its files, relative to the study's directory; empty if it is the only view.
        study: The study with this task only, the arms that are trained on it, and named starts resolved.
    """

    name: str
    task: str
    label_fraction: float
    directory: str
    study: Study


def views_of(study: Study) -> list[View]:
    """Return all tasks and label fractions of a study, in order.

    Args:
        study: Study as read from its file, or one of its views.
    """
    if study.whole is not study:
        (fraction,) = study.task.label_fractions
        return [View("", study.place, fraction, study.place, study)]
    tasks = study.tasks or {ONE_TASK: study.task}
    alone = not study.tasks and len(study.task.label_fractions) == 1
    return [
        _view(study, name, task, fraction, alone=alone)
        for name, task in tasks.items()
        for fraction in task.label_fractions
    ]


def arms_of_task(study: Study, task: str) -> dict[str, Arm]:
    """Return the arms that are trained on a task, with named starts resolved."""
    return {name: _resolved(study, arm) for name, arm in study.arms.items() if arm.tasks is None or task in arm.tasks}


def supervised_study(study: Study, encoder: str, init: Supervised) -> Study:
    """Return the study that a supervised start trains: one arm, `supervised`, on the task of the start.

    The task's split holds out validation patients; a task defined in the start has no test patients.

    Args:
        study: View of an arm with this start.
        encoder: Encoder of the start.
        init: The start.
    """
    if isinstance(init.supervise, str):
        task = study.whole.tasks[init.supervise].model_copy(update={"label_fraction": 1.0})
    else:
        own = init.supervise
        reading = own.model_dump(exclude_unset=True, exclude={"findings", "validation", "seed"})
        findings = own.findings if own.findings != "shared" else shared_findings(study, own.on)
        split = {"patients": [0.5, 0.25, 0.25], "seed": own.seed}  # replaced by `hilum.study.plan.prepare`
        task = Task.model_validate(reading | {"findings": findings, "split": split})
    arm = Arm(encoder=encoder, init=init.start, finetune=init.finetune)
    update: dict[str, Any] = {"task": task, "tasks": {}, "arms": {"supervised": arm}, "explain": None, "compare": []}
    update["sweep"] = None
    update["evaluate"] = study.evaluate.model_copy(update={"reference": None})
    return study.model_copy(update=update).placed(study.place, study.whole)


def shared_findings(study: Study, data: str) -> list[str]:
    """Return the findings of a task that another data set labels, in the task's order.

    Labels of a `folder` are unknown before its table is read: all findings are returned.
    """
    if (pool := study.data[data].pool) is not None:
        of_parts = {finding for part in pool for finding in shared_findings(study, part)}
        return [finding for finding in study.task.findings if finding in of_parts]
    collection = study.data[data].collection
    if collection == "folder":
        return list(study.task.findings)
    known = labelled_by(collection)
    return [finding for finding in study.task.findings if finding in known]


def starts_in(init: Init) -> Iterator[Pretrained | Supervised]:
    """Yield all trainings in a chain of starts, in the order in which they run."""
    if isinstance(init, Pretrained | Supervised):
        yield from starts_in(init.start)
        yield init


def start_directory(study: Study, encoder: str, init: Pretrained | Supervised) -> str:
    """Return the directory of a start without its seed, relative to the study's directory.

    Arms, tasks and label fractions with the same start share it.

    Args:
        study: View of an arm with this start.
        encoder: Encoder of the start.
        init: The start.
    """
    if isinstance(init, Supervised):
        start_study = supervised_study(study, encoder, init)
        before = init.start if isinstance(init.start, str) else start_directory(study, encoder, init.start)
        task = start_study.task.model_dump(mode="json", exclude={"label_fraction", "test_on", "unit", "study_score"})
        own = fingerprint([init.model_dump(mode="json", exclude={"start"}), task, before])[:6]
        return f"pretrain/supervised-{encoder}-{start_study.labelled_data}-{own}"
    epochs = study.pretraining_epochs(init)
    length = "preset" if epochs is None else f"{epochs}epochs"
    own = ""
    fractions = [fraction for fraction in init.fractions.values() if fraction < 1]
    instead = {name: as_written(value) for name, value in init.given().items() if name != "epochs"}
    if instead or init.settings or init.start != "random" or fractions:
        percents = {name: float(percent_of(fraction)) for name, fraction in init.fractions.items()}
        before = init.start if isinstance(init.start, str) else start_directory(study, encoder, init.start)
        parts = [instead, init.settings, before] + [percents] * bool(fractions)
        own = f"-{fingerprint(parts)[:6]}"
    return f"pretrain/{init.pretrain}-{encoder}-{'+'.join(init.fractions)}-{length}{own}"


def _view(study: Study, name: str, task: Task, fraction: float, *, alone: bool) -> View:
    several = len(task.label_fractions) > 1
    directory = "" if alone else f"{TASKS}/{name}" + (f"/label_fraction-{fraction:g}" if several else "")
    title = f"{name}, {percent_of(fraction):g} % of the labels" if several else name
    arms = arms_of_task(study, name)
    update: dict[str, Any] = {"arms": arms}
    if not alone:
        reference = study.evaluate.reference if study.evaluate.reference in arms else None
        update |= {
            "task": task.model_copy(update={"label_fraction": fraction}) if several else task,
            "tasks": {},
            "evaluate": study.evaluate.model_copy(update={"reference": reference}),
            "compare": [pair for pair in study.compare if set(pair) <= set(arms)],
            "explain": _explained(study, arms, last=fraction == task.label_fractions[-1]),
        }
    elif not study.starts:
        return View(title, name, fraction, directory, study)
    return View(title, name, fraction, directory, study.model_copy(update=update).placed(directory, study))


def _explained(study: Study, arms: Mapping[str, Arm], *, last: bool) -> Any:
    """Return the section `explain` for the largest label fraction of a task; None for the others."""
    if study.explain is None or not last:
        return None
    named = [arm for arm in study.explain.arms or [] if arm in arms]
    return study.explain.model_copy(update={"arms": named or None})


def _resolved(study: Study, arm: Arm) -> Arm:
    if arm.start is not None:
        start = study.starts[arm.start]
        arm = arm.model_copy(update={"encoder": start.encoder, "init": start.init})
    return arm.model_copy(update={"init": _without_names(study, arm.init)}) if study.starts else arm


def _without_names(study: Study, init: Init) -> Init:
    """Resolve named starts in a chain of starts."""
    if isinstance(init, str):
        return init
    before: Any = init.start
    if isinstance(before, str) and before in study.starts:
        before = study.starts[before].init
    if before is init.start and isinstance(before, str):
        return init
    return init.model_copy(update={"start": _without_names(study, before)})
