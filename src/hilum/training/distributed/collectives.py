"""What several processes must agree on: sums, means and batches over all of them; nothing to do in one process.

Every process computes with its part of a batch. The rule for a loss: the mean of what the processes return is the loss
of the joined batch. Then the mean of their gradients is its gradient.

What the first of several processes finds holds for all of them.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from hilum.errors import HilumError

Value = TypeVar("Value")


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Place of this process among them, from 0; the first one writes files and reports."""
    return dist.get_rank() if world_size() > 1 else 0


def all_gather(part: Tensor) -> Tensor:
    """The batch of all processes, in the order of their ranks, for a loss that compares across the whole batch.

    Gradients flow back to the process that each row came from, summed over the processes that used it. Where every
    process computes the same loss of the joined batch and gradients are then averaged over processes, the average is
    the gradient of that loss: what one process with the joined batch would have found.

    Args:
        part: (N, …), as many rows in every process.
    """
    if world_size() == 1:
        return part
    whole: Tensor = _Joined.apply(part)
    return whole


class _Joined(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, part: Tensor) -> Tensor:
        return all_gather_no_grad(part)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return all_reduce_sum(gradient).chunk(world_size())[rank()]


@torch.no_grad()
def all_gather_no_grad(part: Tensor) -> Tensor:
    """As `joined`, for what no gradient flows through: keys, teacher outputs, image keys."""
    if world_size() == 1:
        return part
    part = part.contiguous()
    parts = [torch.empty_like(part) for _ in range(world_size())]
    dist.all_gather(parts, part)
    return torch.cat(parts)


@torch.no_grad()
def all_reduce_sum(part: Tensor) -> Tensor:
    """Sum over processes, elementwise; `part` is left as it is."""
    if world_size() == 1:
        return part
    total = part.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total


def global_mean_part(total: Tensor, count: Tensor, parts: int = 1) -> Tensor:
    """A mean over the joined batch of what not every image has as many of (known labels, hidden patches).

    Args:
        total: sum over this part of this process's batch, with its gradient.
        count: of the terms in this process's batch, whole; or the sum of their weights.
        parts: that this batch is computed in, one after another.

    Returns:
        What this part has to return, so that the mean over parts and processes is the mean over all terms; 0 where
        there are none.
    """
    if world_size() == 1 and parts == 1:
        return total / _or_one(count)
    return total * (parts * world_size()) / _or_one(all_reduce_sum(count))


def _or_one(count: Tensor) -> Tensor:
    """The count, or 1 where there is nothing to divide."""
    return torch.where(count > 0, count, torch.ones_like(count))


def all_reduce_mean(part: Tensor) -> Tensor:
    """Mean over processes, elementwise, without gradient; `part` is left as it is."""
    return part if world_size() == 1 else all_reduce_sum(part) / world_size()


@torch.no_grad()
def all_reduce_max(part: Tensor) -> Tensor:
    """Maximum over processes, elementwise; `part` is left as it is."""
    if world_size() == 1:
        return part
    most = part.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(most, op=dist.ReduceOp.MAX)
    return most


def own_shard(rows: Tensor) -> Tensor:
    """This process's share of rows that all processes hold alike; they are shared out as evenly as can be."""
    return rows if world_size() == 1 else rows.tensor_split(world_size())[rank()]


def broadcast(value: Value) -> Value:
    """What the first process has to say, for all: plain values. The others' own is ignored."""
    if world_size() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def barrier() -> None:
    """Go on when every process has come here."""
    if world_size() > 1:
        dist.barrier()


Found = TypeVar("Found")


def broadcast_result(look: Callable[[], Found], where: str) -> Found:
    """What `look` gives in the first process; if it stops there, all stop.

    Args:
        look: called in every process, since looking may change its state.
        where: for the message of those that stop because the first one does.

    Raises:
        HilumError: what the first process raised, or that it did.
    """
    found: list[Found] = []
    problem: HilumError | None = None
    try:
        found = [look()]
    except HilumError as error:
        problem = error
    found, stop = broadcast((found, problem is not None))
    if stop:
        raise problem or HilumError(
            where, expected="all processes to go on", found="a stop in the first one", fix="See what it says."
        )
    return found[0]
