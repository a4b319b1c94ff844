"""Swapped-prediction loss of SwAV: predict the cluster assignment of one view from another.

Caron et al., "Unsupervised learning of visual features by contrasting cluster assignments" (NeurIPS 2020), §3.1 and
§3.3.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def swapped_prediction(scores: list[Tensor], assignments: list[Tensor], temperature: float) -> Tensor:
    """Compute the mean cross-entropy of every crop's scores with the assignments of every other global crop (eq. 2, 6).

    Args:
        scores: Cosine similarities of each crop's projections with the prototypes, (N, K) each; global crops first.
        assignments: Assignments of each global crop, (N, K) each, rows sum to 1, without gradient.
        temperature: Temperature, > 0; 0.1 in the paper.

    Returns:
        Scalar; log K if all scores are equal.
    """
    with torch.autocast(scores[0].device.type, enabled=False):
        logs = [F.log_softmax(_wide(view) / temperature, dim=1) for view in scores]
        terms = [
            -(target * logs[s]).sum(1).mean()
            for t, target in enumerate(assignments)
            for s in range(len(logs))
            if s != t
        ]
        return torch.stack(terms).mean()


def _wide(scores: Tensor) -> Tensor:
    return scores.float() if scores.dtype in (torch.float16, torch.bfloat16) else scores
