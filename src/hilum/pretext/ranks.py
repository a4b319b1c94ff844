"""What several processes must agree on: sums, means and batches over all of them; nothing to do in one process."""

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn.functional import all_gather


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Place of this process among them, from 0."""
    return dist.get_rank() if world_size() > 1 else 0


def joined(part: Tensor) -> Tensor:
    """The batch of all processes, in the order of their ranks, for a loss that compares across the whole batch.

    Gradients flow back to the process that each row came from, summed over the processes that used it. Where every
    process computes the same loss of the joined batch and gradients are then averaged over processes, the average is
    the gradient of that loss: what one process with the joined batch would have found.

    Args:
        part: (N, …), as many rows in every process.
    """
    return torch.cat(all_gather(part.contiguous())) if world_size() > 1 else part  # type: ignore[no-untyped-call]


@torch.no_grad()
def joined_constant(part: Tensor) -> Tensor:
    """As `joined`, for what no gradient flows through: keys, teacher outputs, image keys."""
    if world_size() == 1:
        return part
    parts = [torch.empty_like(part) for _ in range(world_size())]
    dist.all_gather(parts, part.contiguous())
    return torch.cat(parts)


@torch.no_grad()
def summed(part: Tensor) -> Tensor:
    """Sum over processes, elementwise; `part` is left as it is."""
    if world_size() == 1:
        return part
    total = part.clone()
    dist.all_reduce(total)
    return total


@torch.no_grad()
def highest(part: Tensor) -> Tensor:
    """Maximum over processes, elementwise; `part` is left as it is."""
    if world_size() == 1:
        return part
    most = part.clone()
    dist.all_reduce(most, op=dist.ReduceOp.MAX)
    return most


def own_part(rows: Tensor) -> Tensor:
    """This process's share of rows that all processes hold alike; the same number in each, what is over is left out."""
    share = len(rows) // world_size()
    return rows[rank() * share : (rank() + 1) * share]
