"""Tasks one after another, in this process."""

from collections.abc import Iterator
from contextlib import contextmanager

from hilum.study.scheduling.tasks import Ended, Task, Work


class ThisProcess:
    """Does each task when it is begun; an error is raised at once. Of several processes that train together
    (`hilum.training.distributed`), every one has its own, and all go through the same tasks in the same order.
    """

    gpus = 0

    def __init__(self) -> None:
        self._work: Work | None = None
        self._ended: list[Ended] = []

    @contextmanager
    def working(self, work: Work) -> Iterator[None]:
        """As in `hilum.study.scheduling.Pool`."""
        self._work = work
        yield

    def has_room(self) -> bool:
        """Whether what was done was asked for."""
        return not self._ended

    def begin(self, task: Task) -> None:
        """Do a task."""
        if self._work is None:
            raise ValueError("outside of `working`")
        self._work(task.name)
        self._ended.append(Ended(task.name))

    def ended(self, seconds: float) -> list[Ended]:  # noqa: ARG002 (nothing to wait for)
        """The task that was done."""
        ended, self._ended = self._ended, []
        return ended
