"""Sinkhorn-Knopp: balanced soft assignments of a batch to prototypes.

Caron et al., "Unsupervised learning of visual features by contrasting cluster assignments" (SwAV, NeurIPS 2020), §3.1,
eq. 3 to 5; DINOv2 (Oquab et al., 2023, §4) uses it instead of DINO's centering.
"""

import math

import torch
from torch import Tensor

from hilum.training.distributed import all_reduce_max, all_reduce_sum, world_size


@torch.no_grad()
def sinkhorn_assignments(scores: Tensor, epsilon: float, iterations: int = 3) -> Tensor:
    """Compute soft assignments with equal total weight for all prototypes.

    Computed with logarithms, so that small `epsilon` do not overflow. The batch is that of all processes, which may
    have different numbers of rows, also none.

    Args:
        scores: Similarities of N rows with K prototypes, (N, K).
        epsilon: Entropy regularisation, > 0; smaller gives harder assignments. 0.05 in SwAV.
        iterations: Alternating normalisations of rows and columns; 3 in SwAV and DINOv2.

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
    """Compute the log-sum-exp of each column over the rows of all processes."""
    own = logs.logsumexp(0, keepdim=True)
    if world_size() == 1:
        return own
    largest = all_reduce_max(own)  # for numerical stability
    return all_reduce_sum((own - largest).exp()).log() + largest
