"""Pool of processes on this machine, with one task each at a time."""

import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from hilum.errors import HilumError
from hilum.study.scheduling.tasks import Ended, Task, Work, begin_alone, outcome

_ATTEMPTS = 3
_SPAWN = multiprocessing.get_context("spawn")  # a fork would copy threads and CUDA contexts half


@dataclass
class _Worker:
    process: SpawnProcess
    connection: Connection
    place: int
    task: str | None = None
    has_work: bool = False


class LocalProcesses:
    """Pool of processes that are started on demand and replaced if killed.

    Args:
        processes: Maximum number of processes.
        threads: Threads per process.
        gpus: GPUs of this machine; each process sees one of them. 0: the same devices as this process.
    """

    def __init__(self, processes: int, *, threads: int = 1, gpus: int = 0) -> None:
        self.processes, self.threads, self.gpus = processes, threads, gpus
        self._workers: list[_Worker] = []
        self._work: Work | None = None

    @contextmanager
    def working(self, work: Work) -> Iterator[None]:
        """Accept tasks of this work; processes are terminated at the end of the block."""
        self._work = work
        try:
            yield
        finally:
            for worker in self._workers:
                worker.process.terminate()
            for worker in self._workers:
                _close(worker)
            self._workers = []

    def has_room(self) -> bool:
        """Return whether a process is idle or can be started."""
        return len(self._workers) < self.processes or any(worker.task is None for worker in self._workers)

    def begin(self, task: Task) -> None:
        """Begin a task in an idle process."""
        for _ in range(self.processes + _ATTEMPTS):
            worker = next((worker for worker in self._workers if worker.task is None), None) or self._started()
            try:
                if not worker.has_work:
                    worker.connection.send(self._work)
                    worker.has_work = True
                worker.connection.send(task.name)
            except OSError:  # killed while idle, for example for lack of memory
                self._workers.remove(worker)
                _close(worker)
            else:
                worker.task = task.name
                return
        raise HilumError(
            "--jobs",
            expected="running processes",
            found="several that were killed before their first task",
            fix="Check the memory; use fewer --jobs.",
        )

    def ended(self, seconds: float) -> list[Ended]:
        """Return the tasks that ended; see `hilum.study.scheduling.Pool`."""
        busy = {worker.connection: worker for worker in self._workers if worker.task is not None}
        found = []
        for connection in wait(list(busy), timeout=seconds):
            worker = busy[connection]  # type: ignore[index]  # `wait` gives back what it was given
            name, worker.task = str(worker.task), None
            try:
                found.append(Ended(name, worker.connection.recv()))
            except (EOFError, ConnectionResetError):
                self._workers.remove(worker)
                _close(worker)
                found.append(Ended(name, lost=True))
        return found

    def _started(self) -> _Worker:
        taken = {worker.place for worker in self._workers}
        place = next(each for each in range(self.processes) if each not in taken)
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(target=_serve, args=(theirs, place, self.threads, self.gpus), daemon=False)
        process.start()
        theirs.close()
        worker = _Worker(process, ours, place)
        self._workers.append(worker)
        return worker


def _close(worker: _Worker) -> None:
    worker.process.join()
    worker.connection.close()
    worker.process.close()


def _serve(connection: Connection, place: int, threads: int, gpus: int) -> None:
    """Run tasks until the parent process ends."""
    if gpus:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        devices = [each for each in visible if each] or [str(each) for each in range(gpus)]
        os.environ["CUDA_VISIBLE_DEVICES"] = devices[place % len(devices)]  # before torch is imported
    begin_alone(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        work = _received(connection)
        while True:
            name = connection.recv()
            connection.send(work if isinstance(work, Exception) else outcome(work, name))
    except (EOFError, ConnectionResetError, BrokenPipeError, KeyboardInterrupt):
        return


def _end_with_parent() -> None:
    """Exit, even during a task, when the parent process is killed; a new parent resumes its tasks."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _received(connection: Connection) -> Work | Exception:
    """Receive the work, or the error of unpickling it."""
    try:
        work: Work = connection.recv()
    except EOFError:
        raise
    except Exception as error:  # noqa: BLE001 - it is reported in the process that schedules
        return RuntimeError(f"{type(error).__name__}: {error}")
    return work
