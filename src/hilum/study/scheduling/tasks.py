"""What is to be done, what each part needs, and the one loop that has it done, wherever that is."""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from hilum.errors import HilumError, HilumErrors

ATTEMPTS = 5
"""How often a task is begun at most, where what does it is killed under it."""

_OF_A_GROUP = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_JOB_NAME")
"""By these a process knows that it trains together with others."""

Work: TypeAlias = Callable[[str], None]
"""Does the task of a name. It is pickled once for every process that does tasks, and must find and leave everything
in files that all of them see."""


@dataclass(frozen=True)
class Resources:
    """What a task occupies while it runs.

    Attributes:
        cpus: cores; as many threads compute.
        gpus: devices.
    """

    cpus: int = 1
    gpus: int = 0


@dataclass(frozen=True)
class Task:
    """One part of the work.

    Attributes:
        name: of its own.
        title: for people.
        needs: names of the tasks that must be done before.
        resources: that it occupies.
        here: whether it is done in the process that schedules; such tasks are short.
    """

    name: str
    title: str
    needs: frozenset[str] = frozenset()
    resources: Resources = field(default_factory=Resources)
    here: bool = False


@dataclass(frozen=True)
class Ended:
    """How a task ended.

    Attributes:
        name: of the task.
        error: why it could not be done; None where it was.
        lost: the process or the machine that did it is gone: to be done again.
    """

    name: str
    error: Exception | None = None
    lost: bool = False


class Pool(Protocol):
    """Where tasks are done."""

    @property
    def gpus(self) -> int:
        """Devices that tasks have to share out; 0 where each task sees them all."""

    def working(self, work: Work) -> AbstractContextManager[None]:
        """Inside, tasks of this work can be begun; what runs at the end of the block is stopped."""

    def has_room(self) -> bool:
        """Whether another task can be begun now."""

    def begin(self, task: Task) -> None:
        """Begin a task and return."""

    def ended(self, seconds: float) -> list[Ended]:
        """Tasks that ended since the last call; waits at most so long for the first one."""


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
    """Have tasks done, each after those that it needs, in the order of the list where several could begin.

    A task whose process or machine is lost is begun again, `ATTEMPTS` times at most. Where one cannot be done, those
    that do not need it still are, and all errors are raised at the end; in this process (`ThisProcess`) the first
    error ends everything.

    Args:
        tasks: each after those it needs.
        work: does a task.
        pool: where.
        before: called with each task before it begins for the first time, in this process.
        after: called with each task that is done, in this process.
        on_wait: called with the tasks that were begun and have not ended, now and then.
        every_seconds: from one look to the next.

    Raises:
        HilumError: a task cannot be done; `HilumErrors` where there are several.
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
        message = [str(error) for error in errors.values()]
        raise HilumErrors("steps of the study", message, fix="what did not need them is done and kept")


def outcome(work: Work, name: str) -> Exception | None:
    """Do a task, and say what went wrong instead of raising it, so that it can go to another process."""
    try:
        work(name)
    except HilumError as error:
        return error
    except Exception as error:  # noqa: BLE001 - it is reported in the process that schedules
        message = "".join(traceback.format_exception(error))
        return RuntimeError(f"{name}: {type(error).__name__}: {error}\n{message}")
    return None


def begin_alone(threads: int) -> None:
    """Prepare a process for tasks: each trains by itself, whoever started the node, with its threads."""
    for each in _OF_A_GROUP:
        os.environ.pop(each, None)
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read when torch is imported
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def _next(waiting: dict[str, Task], done: set[str]) -> Task | None:
    return next((task for task in waiting.values() if task.needs <= done), None)


def _lost(task: Task) -> HilumError:
    return HilumError(
        task.title,
        expected="a process that does it",
        found=f"{ATTEMPTS} processes that were killed",
        fix="See whether it runs out of memory; a smaller batch_size takes less.",
    )
