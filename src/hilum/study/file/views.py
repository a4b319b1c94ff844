"""One study file, several tasks and label fractions: each is a study of one task, called a view of the file."""

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
"""Name of the task of a study that gives it none."""

TASKS = "tasks"
"""Folder, in the directory of a study of several tasks or label fractions, with one folder for each."""


@dataclass(frozen=True)
class View:
    """One task at one label fraction.

    Attributes:
        name: for people: the task, and where it has several label fractions, which.
        task: its name.
        label_fraction: of the training patients.
        directory: where its files go, relative to the study's directory; empty where it is the only one.
        study: the same study with this task alone and the arms that are trained on it, starts by name resolved.
    """

    name: str
    task: str
    label_fraction: float
    directory: str
    study: Study


def views_of(study: Study) -> list[View]:
    """All tasks and label fractions of a study, in its order; one of each unless the file says more.

    Args:
        study: as it was read, or itself a view.
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
    """The arms that are trained on a task, with starts by name resolved."""
    return {name: _resolved(study, arm) for name, arm in study.arms.items() if arm.tasks is None or task in arm.tasks}


def supervised_study(study: Study, encoder: str, init: Supervised) -> Study:
    """What a supervised start trains: a study of one arm, `supervised`, and the task that it learns.

    The task's split keeps validation patients apart; of an own task none are held out for testing.

    Args:
        study: a view that the start is for.
        encoder: of the start.
        init: the start.
    """
    if isinstance(init.supervise, str):
        task = study.whole.tasks[init.supervise].model_copy(update={"label_fraction": 1.0})
    else:
        own = init.supervise
        reading = own.model_dump(exclude_unset=True, exclude={"findings", "validation", "seed"})
        findings = own.findings if own.findings != "shared" else shared_findings(study, own.on)
        split = {"patients": [0.5, 0.25, 0.25], "seed": own.seed}  # replaced where the patients are dealt out
        task = Task.model_validate(reading | {"findings": findings, "split": split})
    arm = Arm(encoder=encoder, init=init.start, finetune=init.finetune)
    update: dict[str, Any] = {"task": task, "tasks": {}, "arms": {"supervised": arm}, "explain": None, "compare": []}
    update["sweep"] = None
    update["evaluate"] = study.evaluate.model_copy(update={"reference": None})
    return study.model_copy(update=update).placed(study.place, study.whole)


def shared_findings(study: Study, data: str) -> list[str]:
    """Findings of a task that another data set labels, too; in the task's order.

    A `folder` labels what its table has: all of the task's findings are asked of it.
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
    """What the study makes for a start, each after what it starts from."""
    if isinstance(init, Pretrained | Supervised):
        yield from starts_in(init.start)
        yield init


def start_directory(study: Study, encoder: str, init: Pretrained | Supervised) -> str:
    """Where the encoder of a start is made, without its seed, relative to the directory of a study.

    Arms, tasks and label fractions that ask for the same share it.

    Args:
        study: a view that the start is for.
        encoder: of the start.
        init: the start.
    """
    if isinstance(init, Supervised):
        learnt = supervised_study(study, encoder, init)
        before = init.start if isinstance(init.start, str) else start_directory(study, encoder, init.start)
        task = learnt.task.model_dump(mode="json", exclude={"label_fraction", "test_on", "unit", "study_score"})
        own = fingerprint([init.model_dump(mode="json", exclude={"start"}), task, before])[:6]
        return f"pretrain/supervised-{encoder}-{learnt.labelled_data}-{own}"
    epochs = study.pretraining_epochs(init)
    length = "preset" if epochs is None else f"{epochs}epochs"
    own = ""
    shares = [share for share in init.shares.values() if share < 1]
    instead = {name: as_written(value) for name, value in init.given().items() if name != "epochs"}
    if instead or init.settings or init.start != "random" or shares:
        percents = {name: float(percent_of(share)) for name, share in init.shares.items()}
        before = init.start if isinstance(init.start, str) else start_directory(study, encoder, init.start)
        parts = [instead, init.settings, before] + [percents] * bool(shares)
        own = f"-{fingerprint(parts)[:6]}"
    return f"pretrain/{init.pretrain}-{encoder}-{'+'.join(init.shares)}-{length}{own}"


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
    """Heat-maps are drawn once a task: of the models that have learnt from most labels."""
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
    """A start whose own start is no name of another."""
    if isinstance(init, str):
        return init
    before: Any = init.start
    if isinstance(before, str) and before in study.starts:
        before = study.starts[before].init
    if before is init.start and isinstance(before, str):
        return init
    return init.model_copy(update={"start": _without_names(study, before)})
