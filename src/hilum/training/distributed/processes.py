"""Process groups of torchrun or SLURM: one process per GPU or part of a CPU; work on rank 0."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import torch
import torch.distributed as dist

from hilum.artifacts import whole_directory
from hilum.errors import HilumError
from hilum.training.distributed.collectives import barrier, broadcast, rank, world_size
from hilum.training.distributed.device import choose_device
from hilum.training.settings import Device

if TYPE_CHECKING:
    from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment

Value = TypeVar("Value")

_TIMEOUT = timedelta(minutes=30)  # while rank 0 validates or writes
_LONG_TIMEOUT = timedelta(days=7)  # while rank 0 decodes a data set


@contextmanager
def process_group(device: Device = "auto") -> Iterator[None]:
    """Initialise the process group of torchrun or SLURM (srun) within the context; no effect in a single process.

    NCCL on GPUs, one per process; Gloo on CPUs. An existing group is used and not destroyed. All machines need a shared
    file system: rank 0 writes checkpoints that all ranks read.

    Args:
        device: As in `TrainingSettings`.
    """
    environment = None if dist.is_available() and dist.is_initialized() else _launcher()
    if environment is None:
        yield
        return
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

    address = f"tcp://{environment.main_address}:{environment.main_port}"
    on_gpu = device != "cpu" and torch.cuda.is_available()
    dist.init_process_group(
        "nccl" if on_gpu else "gloo",
        init_method=address if isinstance(environment, SLURMEnvironment) else "env://",  # torchrun provides the store
        rank=environment.global_rank(),
        world_size=environment.world_size(),
        timeout=_TIMEOUT,
    )
    try:
        if on_gpu:
            torch.cuda.set_device(choose_device(device))
        yield
    finally:
        dist.destroy_process_group()


def _launcher() -> "ClusterEnvironment | None":
    """Return the launcher's environment; None in a single process."""
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
    from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    for kind in (TorchElasticEnvironment, SLURMEnvironment):  # Fabric's order: torchrun may run inside SLURM
        if kind.detect():
            environment: ClusterEnvironment = kind()
            return environment if environment.world_size() > 1 else None
    return None


@contextmanager
def run_directory(path: Path) -> Iterator[Path]:
    """Open `whole_directory(path, resume=True)` on rank 0 and give its path to all ranks.

    If the block succeeds in all processes, `path` is complete.
    """
    if rank() > 0:
        yield Path(broadcast(""))
        barrier()
        barrier()
        return
    with whole_directory(path, resume=True) as beside:
        broadcast(str(beside))
        yield beside
        barrier()  # no process may read while the directory is renamed
    barrier()


def run_on_rank0(work: Callable[[], Value]) -> Value:
    """Run a function on rank 0 only and return its result on all ranks; the others wait without time limit.

    They wait in a Gloo group, so that GPUs are idle meanwhile.

    Args:
        work: Function that returns a plain value.

    Raises:
        HilumError: On the other ranks, if `work` raised on rank 0.
    """
    if world_size() == 1:
        return work()
    group = cast("dist.ProcessGroup", dist.new_group(backend="gloo", timeout=_LONG_TIMEOUT))
    box: list[tuple[bool, Value | None]] = [(False, None)]
    try:
        if rank() == 0:
            box = [(True, work())]
    finally:
        dist.broadcast_object_list(box, src=0, group=group)
        dist.destroy_process_group(group)
    done, value = box[0]
    if not done:
        raise HilumError(
            f"process {rank()}", expected="no error on rank 0", found="an error there", fix="See the message of rank 0."
        )
    return value  # type: ignore[return-value]  # None is what `work` returned
