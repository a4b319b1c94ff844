"""KoLeo: features of a batch kept apart (Sablayrolles et al., "Spreading vectors for similarity search", ICLR 2019,
eq. 2; DINOv2 adds it with weight 0.1).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from hilum.training.distributed import all_gather

CLOSEST = 1e-8
"""Added to distances, so that equal features cost a lot, but not infinitely much."""


def koleo(features: Tensor) -> Tensor:
    """Mean of minus the logarithm of each feature's distance to its nearest neighbour in the batch.

    In float32 also under autocast: in bfloat16 near neighbours would be at distance zero.

    Args:
        features: (N, D), any norm, N at least 2.

    Returns:
        Scalar. -log 2 for two opposite features, which is the least; 18.4 where all are equal.
    """
    with torch.autocast(features.device.type, enabled=False):
        wide = features.float() if features.dtype in (torch.float16, torch.bfloat16) else features
        directions = F.normalize(wide, dim=-1)
        with torch.no_grad():
            similarity = directions @ directions.T
            nearest = similarity.fill_diagonal_(-torch.inf).argmax(1)
        # The distance itself, not the root of 2 - 2 cos: equal features would give a negative number under the root.
        distance = (directions - directions[nearest]).square().sum(1).clamp_min(CLOSEST**2).sqrt()
        return -(distance + CLOSEST).log().mean()


def koleo_of_views(views: Sequence[Tensor]) -> Tensor:
    """Mean over the global views of each one's KoLeo, over the batch of all processes.

    Args:
        views: features of each, (N, D).

    Returns:
        Scalar.
    """
    return torch.stack([koleo(all_gather(view.float())) for view in views]).mean()
