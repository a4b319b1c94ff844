"""Averaging of gradients over processes."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from hilum.training.distributed.collectives import all_reduce_sum, world_size


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter], loss: Tensor) -> Tensor:
    """Replace gradients by their mean over processes, in one all-reduce after the backward pass.

    Unlike DDP's buckets, it does not overlap with the backward pass and copies the gradients; in return, it does not
    restrict how the loss is computed.

    Args:
        parameters: Parameters; the same ones must have a gradient in every process.
        loss: Loss of this process, a scalar.

    Returns:
        Mean loss over processes.
    """
    if world_size() == 1:
        return loss
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    total = all_reduce_sum(torch.cat([*(gradient.reshape(-1) for gradient in gradients), loss.float().reshape(1)]))
    means = torch.split_with_sizes(total / world_size(), [*(each.numel() for each in gradients), 1])
    for gradient, mean in zip(gradients, means[:-1], strict=True):
        gradient.copy_(mean.view(gradient.shape))
    return means[-1][0]
