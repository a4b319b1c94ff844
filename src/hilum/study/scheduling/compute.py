"""In which processes the steps of a study are done."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hilum.errors import HilumError
from hilum.study.scheduling.here import ThisProcess
from hilum.study.scheduling.local_processes import LocalProcesses
from hilum.study.scheduling.ray_cluster import RayCluster
from hilum.training.distributed import world_size


@dataclass(frozen=True)
class ComputeConfig:
    """In which processes the steps of a study are done; results do not depend on it.

    Attributes:
        cluster: address of a Ray cluster whose nodes share the study's directory: "local", "auto", HOST:PORT or
            "ray://HOST:PORT"; None: this machine.
        jobs: steps at the same time, each in a process of this machine; 1: one after another, in this process.
        cpus_per_step: cores that a step occupies and threads that it computes with, where several run at once.
    """

    cluster: str | None = None
    jobs: int = 1
    cpus_per_step: int = 1

    def __post_init__(self) -> None:
        if self.cluster is not None and self.jobs > 1:
            raise HilumError(
                "--jobs", expected="either --jobs or --cluster", found="both", fix="The cluster knows its own size."
            )


@contextmanager
def open_pool(where: ComputeConfig) -> Iterator[ThisProcess | LocalProcesses | RayCluster]:
    """Where steps are done.

    Raises:
        HilumError: there is no such cluster; or this process trains together with others, and cannot share out steps.
    """
    if where.cluster is None and where.jobs == 1:
        yield ThisProcess()
        return
    if world_size() > 1:
        raise HilumError(
            "--cluster" if where.cluster else "--jobs",
            expected="one process, which shares out the steps",
            found=f"{world_size()} processes, started by torchrun or srun",
            fix="Start the command by itself; or leave the option out to train each step in all processes.",
        )
    if where.cluster is None:
        import torch

        yield LocalProcesses(where.jobs, threads=where.cpus_per_step, gpus=torch.cuda.device_count())
        return
    with RayCluster(where.cluster).connected() as cluster:
        yield cluster
