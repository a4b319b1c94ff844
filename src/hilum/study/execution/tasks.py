"""The steps of a study as tasks: what each needs before it, and what it occupies."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from hilum.study.execution.sweep import SweepPart
from hilum.study.execution.work import required_trainings
from hilum.study.plan import Step, read_record
from hilum.study.plan.steps import sweep_directory
from hilum.study.prepared import PreparedStudy
from hilum.study.scheduling import ComputeConfig, Resources, Task

_TRAINING = ("pretrain", "supervise", "sweep", "finetune", "external", "baselines")
_OF_A_DEVICE = (*_TRAINING, "explain")
_SHORT = ("generate", "across", "report", "overview")


def tasks_of(
    prepared: PreparedStudy,
    steps: Sequence[Step],
    keys: Mapping[str, str],
    out: Path,
    where: ComputeConfig,
    *,
    gpus: int = 0,
    parts: Mapping[str, SweepPart] = MappingProxyType({}),
) -> list[Task]:
    """Every step as a task, and before a sweep its parts, each a task.

    All images are decoded before anything is trained, since every pool leaves out what equals a test image of another
    data set. A training needs what it goes on from; an evaluation needs all trainings of its task; pages come last.

    Args:
        prepared: the study's data.
        steps: in order.
        keys: fingerprints of the steps.
        out: directory of the study; what is done there is not sent elsewhere.
        where: how many threads a step computes with.
        gpus: of all machines; where there are some, each training takes one.
        parts: of sweeps, by name.
    """
    stores = frozenset(step.directory for step in steps if step.kind in ("generate", "store"))
    tasks = []
    for number, step in enumerate(steps):
        record = read_record(out / step.directory)
        done = step.kind in ("store", *_TRAINING) and record is not None and record.key == keys[step.directory]
        needs = _needs(step, prepared, steps[:number], stores)
        resources = Resources(where.cpus_per_step, 1 if gpus and step.kind in _OF_A_DEVICE else 0)
        own = {name: part for name, part in parts.items() if part.step == step}
        tasks += [
            Task(name, f"{step.title}, part {part.part.name}", needs | part.needs, resources)
            for name, part in own.items()
        ]
        tasks.append(
            Task(step.directory, step.title, needs | frozenset(own), resources, here=done or step.kind in _SHORT)
        )
    return tasks


def _needs(step: Step, prepared: PreparedStudy, earlier: Sequence[Step], stores: frozenset[str]) -> frozenset[str]:
    if step.kind in ("generate", "store"):
        return frozenset(each.directory for each in earlier if each.kind == "generate" and each.data == step.data)
    if step.kind in _TRAINING:
        view = prepared.views.get(step.view, prepared.first)
        swept = step.kind == "finetune" and view.study.sweep_of(str(step.arm)) is not None
        chosen = [sweep_directory(view.study, str(step.arm))] if swept else []
        return stores | frozenset([*required_trainings(step, view), *chosen])
    if step.kind == "evaluate":
        return stores | frozenset(each.directory for each in earlier if each.view == step.view)
    if step.kind == "explain":
        return frozenset(each.directory for each in earlier if each.view == step.view and each.kind != "report")
    return frozenset(each.directory for each in earlier)
