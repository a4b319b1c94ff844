"""Steps of a study as tasks with dependencies and resources."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from hilum.study.execution.sweep import SweepPart
from hilum.study.execution.work import required_trainings
from hilum.study.plan import Step, is_done
from hilum.study.plan.steps import sweep_directory
from hilum.study.prepared import PreparedStudy
from hilum.study.scheduling import ComputeConfig, Resources, Task

_TRAINING = ("pretrain", "supervise", "sweep", "finetune", "external", "baselines")
_ON_DEVICE = (*_TRAINING, "explain")
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
    """Return a task for every step and every part of a sweep.

    All images are decoded before any training, since duplicates of test images are excluded from all pools. A training
    depends on its initial weights, an evaluation on all trainings of its task; reports come last.

    Args:
        prepared: Prepared data of the task.
        steps: Steps in order.
        keys: Fingerprints of the steps.
        out: Directory of the study; steps finished there run in this process.
        where: Threads per step.
        gpus: GPUs of all machines; if any, each training takes one.
        parts: Parts of sweeps, by name.
    """
    stores = frozenset(step.directory for step in steps if step.kind in ("generate", "store"))
    tasks = []
    for number, step in enumerate(steps):
        done = step.kind in ("store", *_TRAINING) and is_done(out / step.directory, keys[step.directory])
        needs = _needs(step, prepared, steps[:number], stores)
        resources = Resources(where.cpus_per_step, 1 if gpus and step.kind in _ON_DEVICE else 0)
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
