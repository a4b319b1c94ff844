"""Gradients of several processes: averaged, so that each takes the step that one process would take."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from hilum.training.distributed.collectives import all_reduce_sum, world_size


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter], loss: Tensor) -> Tensor:
    """Replace gradients by their mean over processes, in one exchange behind the backward pass.

    It costs a copy of the gradients and is not hidden behind the backward pass, as the buckets of DDP are; in return
    it asks nothing of how the loss is computed.

    Args:
        parameters: of which the same have a gradient in every process.
        loss: of this process, a scalar.

    Returns:
        Its mean over processes.
    """
    if world_size() == 1:
        return loss
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    total = all_reduce_sum(torch.cat([*(gradient.reshape(-1) for gradient in gradients), loss.float().reshape(1)]))
    means = torch.split_with_sizes(total / world_size(), [*(each.numel() for each in gradients), 1])
    for gradient, mean in zip(gradients, means[:-1], strict=True):
        gradient.copy_(mean.view(gradient.shape))
    return means[-1][0]
