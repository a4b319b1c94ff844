"""Steps of a study as tasks with dependencies and resources."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias, assert_never

from hilum.study.execution.sweep import SweepPart
from hilum.study.execution.work import required_trainings
from hilum.study.plan import Step, is_done
from hilum.study.plan.step_types import (
    AcrossStep,
    BaselinesStep,
    DataStep,
    EvaluateStep,
    ExplainStep,
    ExternalStep,
    FinetuneStep,
    GenerateStep,
    OverviewStep,
    PretrainStep,
    ReportStep,
    StoreStep,
    SuperviseStep,
    SweepStep,
    TrainingStep,
)
from hilum.study.plan.steps import sweep_directory
from hilum.study.prepared import PreparedStudy
from hilum.study.scheduling import ComputeConfig, Resources, Task

_OnDevice: TypeAlias = TrainingStep | ExplainStep
_Short: TypeAlias = GenerateStep | AcrossStep | ReportStep | OverviewStep


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
    stores = frozenset(step.directory for step in steps if isinstance(step, DataStep))
    tasks = []
    for number, step in enumerate(steps):
        done = isinstance(step, StoreStep | TrainingStep) and is_done(out / step.directory, keys[step.directory])
        needs = _needs(step, prepared, steps[:number], stores)
        resources = Resources(where.cpus_per_step, 1 if gpus and isinstance(step, _OnDevice) else 0)
        own = {name: part for name, part in parts.items() if part.step == step}
        tasks += [
            Task(name, f"{step.title}, part {part.part.name}", needs | part.needs, resources)
            for name, part in own.items()
        ]
        tasks.append(
            Task(step.directory, step.title, needs | frozenset(own), resources, here=done or isinstance(step, _Short))
        )
    return tasks


def _needs(step: Step, prepared: PreparedStudy, earlier: Sequence[Step], stores: frozenset[str]) -> frozenset[str]:
    match step:
        case GenerateStep() | StoreStep():
            generated = (each for each in earlier if isinstance(each, GenerateStep))
            return frozenset(each.directory for each in generated if each.data == step.data)
        case BaselinesStep():
            return stores
        case PretrainStep() | SuperviseStep() | SweepStep() | FinetuneStep() | ExternalStep():
            view = prepared.views.get(step.view, prepared.first)
            trainings = required_trainings(step, view)
            if isinstance(step, FinetuneStep) and view.study.sweep_of(step.arm) is not None:
                trainings.append(sweep_directory(view.study, step.arm))
            return stores | frozenset(trainings)
        case EvaluateStep():
            return stores | frozenset(each.directory for each in earlier if each.view == step.view)
        case ExplainStep():
            of_task = (each for each in earlier if each.view == step.view)
            return frozenset(each.directory for each in of_task if not isinstance(each, ReportStep))
        case AcrossStep() | ReportStep() | OverviewStep():
            return frozenset(each.directory for each in earlier)
        case _:
            assert_never(step)
