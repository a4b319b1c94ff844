"""Collective operations over processes: all-gather, all-reduce, broadcast; no-ops in a single process.

Every process computes with its part of a batch. Rule for losses: the mean of the processes' losses must be the loss of
the whole batch; then the mean of their gradients is its gradient.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from hilum.errors import HilumError

Value = TypeVar("Value")


def world_size() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the rank of this process, from 0; rank 0 writes files and reports progress."""
    return dist.get_rank() if world_size() > 1 else 0


def all_gather(part: Tensor) -> Tensor:
    """Gather the rows of all processes in rank order, with gradients; for losses over the whole batch.

    The gradient of each row is summed over processes. If every process computes the same loss of the whole batch and
    gradients are averaged over processes, the result is the gradient of that loss, as in a single process.

    Args:
        part: Rows of this process, (N, …), the same number in every process.
    """
    if world_size() == 1:
        return part
    whole: Tensor = _AllGather.apply(part)
    return whole


class _AllGather(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, part: Tensor) -> Tensor:
        return all_gather_no_grad(part)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return all_reduce_sum(gradient).chunk(world_size())[rank()]


@torch.no_grad()
def all_gather_no_grad(part: Tensor) -> Tensor:
    """Gather the rows of all processes in rank order, without gradients."""
    if world_size() == 1:
        return part
    part = part.contiguous()
    parts = [torch.empty_like(part) for _ in range(world_size())]
    dist.all_gather(parts, part)
    return torch.cat(parts)


@torch.no_grad()
def all_reduce_sum(part: Tensor) -> Tensor:
    """Sum over processes, elementwise; `part` is not changed."""
    if world_size() == 1:
        return part
    total = part.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total


def global_mean_part(total: Tensor, count: Tensor, parts: int = 1) -> Tensor:
    """Compute this part's term of a mean over the whole batch, for terms that images have in different numbers.

    Such terms are known labels or masked patches.

    Args:
        total: Sum of the terms in this part of this process's batch, with gradient.
        count: Number of terms, or sum of their weights, in this process's whole batch.
        parts: Gradient accumulation steps.

    Returns:
        Scalar whose mean over parts and processes is the mean over all terms; 0 without terms.
    """
    if world_size() == 1 and parts == 1:
        return total / _or_one(count)
    return total * (parts * world_size()) / _or_one(all_reduce_sum(count))


def _or_one(count: Tensor) -> Tensor:
    """Return the count, or 1 if it is 0."""
    return torch.where(count > 0, count, torch.ones_like(count))


def all_reduce_mean(part: Tensor) -> Tensor:
    """Average over processes, elementwise, without gradient; `part` is not changed."""
    return part if world_size() == 1 else all_reduce_sum(part) / world_size()


@torch.no_grad()
def all_reduce_max(part: Tensor) -> Tensor:
    """Return the maximum over processes, elementwise; `part` is not changed."""
    if world_size() == 1:
        return part
    most = part.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(most, op=dist.ReduceOp.MAX)
    return most


def own_shard(rows: Tensor) -> Tensor:
    """Return this process's shard of rows that all processes hold, split as evenly as possible."""
    return rows if world_size() == 1 else rows.tensor_split(world_size())[rank()]


def broadcast(value: Value) -> Value:
    """Return rank 0's value on all ranks; plain values only."""
    if world_size() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def barrier() -> None:
    """Wait until all processes have reached this call."""
    if world_size() > 1:
        dist.barrier()


def broadcast_result(work: Callable[[], Value], where: str) -> Value:
    """Call a function on every rank and return rank 0's result; an error on rank 0 is raised on all ranks.

    Args:
        work: Function, called on every rank since it may change state.
        where: Place for the error message of the other ranks.

    Raises:
        HilumError: The error of rank 0, or that it occurred.
    """
    results: list[Value] = []
    problem: HilumError | None = None
    try:
        results = [work()]
    except HilumError as error:
        problem = error
    results, failed = broadcast((results, problem is not None))
    if failed:
        raise problem or HilumError(
            where, expected="no error on rank 0", found="an error there", fix="See the message of rank 0."
        )
    return results[0]
