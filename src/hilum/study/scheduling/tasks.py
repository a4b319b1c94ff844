"""Tasks with dependencies and resources, and the scheduling loop for all kinds of pools."""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from hilum.errors import HilumError, HilumErrors

ATTEMPTS = 5
"""Maximum starts of a task whose process is killed."""

_DISTRIBUTED_VARIABLES = (
    "RANK",
    "WORLD_SIZE",
    "LOCAL_RANK",
    "MASTER_ADDR",
    "SLURM_NTASKS",
    "SLURM_PROCID",
    "SLURM_JOB_NAME",
)
"""Environment variables of distributed training."""

Work: TypeAlias = Callable[[str], None]
"""Function that runs the task with a given name. It is pickled once for every process, and reads and writes files that
all processes share."""


@dataclass(frozen=True)
class Resources:
    """Resources of a task.

    Attributes:
        cpus: Number of cores and threads.
        gpus: Number of GPUs.
    """

    cpus: int = 1
    gpus: int = 0


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        name: Unique name.
        title: Title for display.
        needs: Names of the tasks that must be done before.
        resources: Required resources.
        here: Whether it runs in the scheduling process, for short tasks.
    """

    name: str
    title: str
    needs: frozenset[str] = frozenset()
    resources: Resources = field(default_factory=Resources)
    here: bool = False


@dataclass(frozen=True)
class Ended:
    """End of a task.

    Attributes:
        name: Name of the task.
        error: Its error; None if it was done.
        lost: Whether its process or machine was lost, so that it must be repeated.
    """

    name: str
    error: Exception | None = None
    lost: bool = False


class Pool(Protocol):
    """Pool of processes that run tasks."""

    @property
    def gpus(self) -> int:
        """Number of GPUs to distribute over tasks; 0 if each task sees all."""

    def working(self, work: Work) -> AbstractContextManager[None]:
        """Accept tasks of this work during the block; running tasks are stopped at its end."""

    def has_room(self) -> bool:
        """Return whether another task can begin now."""

    def begin(self, task: Task) -> None:
        """Begin a task without waiting for its end."""

    def ended(self, seconds: float) -> list[Ended]:
        """Return the tasks that ended since the last call; wait at most `seconds` for the first."""


def run_tasks(
    tasks: Sequence[Task],
    work: Work,
    pool: Pool,
    *,
    before: Callable[[Task], None] = lambda _: None,
    after: Callable[[Task], None] = lambda _: None,
    on_wait: Callable[[list[Task]], None] = lambda _: None,
    every_seconds: float = 1.0,
) -> None:
    """Run tasks, each after its dependencies, otherwise in the order of the list.

    A task whose process or machine is lost is repeated, up to `ATTEMPTS` starts. If a task fails, tasks that do not
    depend on it are still run, and all errors are raised at the end; with `ThisProcess` the first error is raised at
    once.

    Args:
        tasks: Tasks, each after its dependencies.
        work: Runs a task.
        pool: Pool of processes.
        before: Called in this process with each task before its first start.
        after: Called in this process with each finished task.
        on_wait: Called periodically with the running tasks.
        every_seconds: Seconds between calls of `on_wait`.

    Raises:
        HilumError: A task failed; `HilumErrors` for several.
    """
    waiting, begun = {task.name: task for task in tasks}, dict[str, Task]()
    attempts, done, errors = dict[str, int](), set[str](), dict[str, Exception]()
    with pool.working(work):
        while True:
            while (task := _next(waiting, done)) is not None and (task.here or pool.has_room()):
                if task.name not in attempts:
                    before(task)
                attempts[task.name] = attempts.get(task.name, 0) + 1
                del waiting[task.name]
                if task.here:
                    work(task.name)
                    after(task)
                    done.add(task.name)
                else:
                    begun[task.name] = task
                    pool.begin(task)
            if not begun:
                break
            on_wait(list(begun.values()))
            for end in pool.ended(every_seconds):
                task = begun.pop(end.name)
                if end.lost and attempts[end.name] < ATTEMPTS:
                    waiting = {end.name: task, **waiting}
                elif end.error is not None or end.lost:
                    errors[end.name] = end.error or _lost(task)
                else:
                    after(task)
                    done.add(end.name)
    if len(errors) == 1:
        raise next(iter(errors.values()))
    if errors:
        message = [str(errors[task.name]) for task in tasks if task.name in errors]
        raise HilumErrors("steps of the study", message, fix="all steps that do not depend on them are done")


def outcome(work: Work, name: str) -> Exception | None:
    """Run a task and return its error instead of raising it, to send it to another process."""
    try:
        work(name)
    except HilumError as error:
        return error
    except Exception as error:  # noqa: BLE001 - it is reported in the process that schedules
        message = "".join(traceback.format_exception(error))
        return RuntimeError(f"{name}: {type(error).__name__}: {error}\n{message}")
    return None


def begin_alone(threads: int) -> None:
    """Prepare a process for tasks: no distributed training, and a fixed number of threads."""
    for each in _DISTRIBUTED_VARIABLES:
        os.environ.pop(each, None)
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read when torch is imported
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def _next(waiting: dict[str, Task], done: set[str]) -> Task | None:
    return next((task for task in waiting.values() if task.needs <= done), None)


def _lost(task: Task) -> HilumError:
    return HilumError(
        task.title,
        expected="a process that runs it",
        found=f"{ATTEMPTS} processes that were killed",
        fix="Check the memory; a smaller batch_size needs less.",
    )
