"""The loss of SwAV: predict the prototype of one view from another.

Caron et al., "Unsupervised learning of visual features by contrasting cluster assignments" (NeurIPS 2020), §3.1 and
§3.3.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def swapped_prediction(scores: list[Tensor], assignments: list[Tensor], temperature: float) -> Tensor:
    """Mean cross-entropy of every view's scores against the assignments of every other global view (eq. 2 and 6).

    Args:
        scores: cosines of each view's projections with the prototypes, (N, K) each; global views first.
        assignments: of each global view, (N, K) each, rows sum to 1, without gradient.
        temperature: > 0; the paper's is 0.1.

    Returns:
        Scalar. log K where scores say nothing.
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
