"""Choice of the processes that run the steps of a study."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hilum.errors import HilumError
from hilum.study.scheduling.local_processes import LocalProcesses
from hilum.study.scheduling.ray_cluster import RayCluster
from hilum.study.scheduling.tasks import Ended, Task, Work
from hilum.training.distributed import world_size


@dataclass(frozen=True)
class ComputeConfig:
    """Processes that run the steps of a study; results do not depend on them.

    Attributes:
        cluster: Address of a Ray cluster whose nodes share the study's directory: "local", "auto", HOST:PORT or
            "ray://HOST:PORT"; None: this machine.
        jobs: Steps to run in parallel, each in a process of this machine; 1: one after another, in this process.
        cpus_per_step: Cores and threads per step, if several run in parallel.
    """

    cluster: str | None = None
    jobs: int = 1
    cpus_per_step: int = 1

    def __post_init__(self) -> None:
        if self.cluster is not None and self.jobs > 1:
            raise HilumError(
                "--jobs",
                expected="either --jobs or --cluster",
                found="both",
                fix="Remove --jobs; a cluster runs as many steps as fit.",
            )


class ThisProcess:
    """Pool that runs each task in `begin` and raises its error at once.

    With distributed training (`hilum.training.distributed`), every rank has one and runs the same tasks in order.
    """

    gpus = 0

    def __init__(self) -> None:
        self._work: Work | None = None
        self._ended: list[Ended] = []

    @contextmanager
    def working(self, work: Work) -> Iterator[None]:
        """Accept tasks of this work; see `hilum.study.scheduling.Pool`."""
        self._work = work
        yield

    def has_room(self) -> bool:
        """Return whether the last task was collected by `ended`."""
        return not self._ended

    def begin(self, task: Task) -> None:
        """Run a task."""
        if self._work is None:
            raise ValueError("outside of `working`")
        self._work(task.name)
        self._ended.append(Ended(task.name))

    def ended(self, seconds: float) -> list[Ended]:  # noqa: ARG002 (nothing to wait for)
        """Return the task that was run."""
        ended, self._ended = self._ended, []
        return ended


@contextmanager
def open_pool(where: ComputeConfig) -> Iterator[ThisProcess | LocalProcesses | RayCluster]:
    """Open the pool of processes.

    Raises:
        HilumError: No such cluster, or this process is part of a distributed training.
    """
    if where.cluster is None and where.jobs == 1:
        yield ThisProcess()
        return
    if world_size() > 1:
        raise HilumError(
            "--cluster" if where.cluster else "--jobs",
            expected="one process that schedules the steps",
            found=f"{world_size()} processes, started by torchrun or srun",
            fix="Start the command without torchrun or srun; or remove the option, to train each step on all ranks.",
        )
    if where.cluster is None:
        import torch

        yield LocalProcesses(where.jobs, threads=where.cpus_per_step, gpus=torch.cuda.device_count())
        return
    with RayCluster(where.cluster).connected() as cluster:
        yield cluster
