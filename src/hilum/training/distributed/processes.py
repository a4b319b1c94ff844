"""Several processes that train one network: started by torchrun or SLURM, one for each GPU or each part of a CPU."""

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

_PATIENCE = timedelta(minutes=30)  # of the others, while the first process validates or writes
_LONG_PATIENCE = timedelta(days=7)  # while it decodes a data set


@contextmanager
def process_group(device: Device = "auto") -> Iterator[None]:
    """Inside, the processes that torchrun or SLURM (srun) started know each other; alone there is nothing to do.

    They talk by NCCL on GPUs, each with its own, and by Gloo on CPUs. A group that the caller has made is used as it is
    and left open. All machines must see one file system: the first process writes checkpoints that all of them read.

    Args:
        device: as in `TrainingSettings`.
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
        init_method=address if isinstance(environment, SLURMEnvironment) else "env://",  # torchrun keeps the store
        rank=environment.global_rank(),
        world_size=environment.world_size(),
        timeout=_PATIENCE,
    )
    try:
        if on_gpu:
            torch.cuda.set_device(choose_device(device))
        yield
    finally:
        dist.destroy_process_group()


def _launcher() -> "ClusterEnvironment | None":
    """Who started several processes; None where there is one only."""
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
    from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    for kind in (TorchElasticEnvironment, SLURMEnvironment):  # Fabric's order: torchrun may run inside SLURM
        if kind.detect():
            environment: ClusterEnvironment = kind()
            return environment if environment.world_size() > 1 else None
    return None


@contextmanager
def run_directory(path: Path) -> Iterator[Path]:
    """`whole_directory(path, resume=True)` of the first process, whose path the others receive.

    When the block ends well in all processes, `path` is complete for all of them.
    """
    if rank() > 0:
        yield Path(broadcast(""))
        barrier()
        barrier()
        return
    with whole_directory(path, resume=True) as beside:
        broadcast(str(beside))
        yield beside
        barrier()  # so that nobody reads what is being renamed
    barrier()


def run_on_rank0(work: Callable[[], Value]) -> Value:
    """Work that must be done once: the first process does it, the others wait, however long that takes.

    They wait in a group of their own that talks by Gloo, so that GPUs are not kept busy with waiting.

    Args:
        work: what it returns must be a plain value; all processes get it.

    Raises:
        HilumError: in the others, where `work` raised in the first one.
    """
    if world_size() == 1:
        return work()
    group = cast("dist.ProcessGroup", dist.new_group(backend="gloo", timeout=_LONG_PATIENCE))
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
            f"process {rank()}", expected="the first process to go on", found="a stop in it", fix="See what it says."
        )
    return value  # type: ignore[return-value]  # None is what `work` returned
