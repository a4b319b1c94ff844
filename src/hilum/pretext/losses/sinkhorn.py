"""Sinkhorn-Knopp: soft assignments of a batch to prototypes that use every prototype alike.

Caron et al., "Unsupervised learning of visual features by contrasting cluster assignments" (SwAV, NeurIPS 2020), §3.1,
eq. 3 to 5; DINOv2 (Oquab et al., 2023, §4) centres its teacher in the same way.
"""

import math

import torch
from torch import Tensor

from hilum.training.distributed import all_reduce_max, all_reduce_sum, world_size


@torch.no_grad()
def sinkhorn_assignments(scores: Tensor, epsilon: float, iterations: int = 3) -> Tensor:
    """Assign each row to prototypes so that all prototypes get the same share of the batch.

    Computed with logarithms, so that no `epsilon` overflows. Over several processes the batch is that of all of them;
    some may have more rows than others, or none.

    Args:
        scores: of N rows against K prototypes, (N, K).
        epsilon: > 0; towards 0 every row goes to one prototype, as far as the equal shares allow. SwAV uses 0.05.
        iterations: of alternate normalisation; SwAV and DINOv2 use 3.

    Returns:
        (N, K), float32 or wider: rows sum to 1; columns, with enough iterations, to N / K.
    """
    logs = scores.float() if scores.dtype in (torch.float16, torch.bfloat16) else scores
    logs = logs / epsilon
    prototypes = logs.shape[1]
    if world_size() == 1 and not len(logs):
        return logs
    for _ in range(iterations):
        logs = logs - _log_sum_over_ranks(logs) - math.log(prototypes)
        logs = logs - logs.logsumexp(1, keepdim=True)
    return logs.exp()


def _log_sum_over_ranks(logs: Tensor) -> Tensor:
    """Logarithm of each column's sum of exponentials, over the rows of all processes."""
    own = logs.logsumexp(0, keepdim=True)
    if world_size() == 1:
        return own
    largest = all_reduce_max(own)  # keeps the exponentials within range
    return all_reduce_sum((own - largest).exp()).log() + largest
