"""KoLeo regulariser: spreads the features of a batch (Sablayrolles et al., "Spreading vectors for similarity search",
ICLR 2019, eq. 2; weight 0.1 in DINOv2).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from hilum.training.distributed import all_gather

CLOSEST = 1e-8
"""Added to distances, so that the loss of equal features is finite."""


def koleo(features: Tensor) -> Tensor:
    """Compute the mean negative log distance of each L2-normalised feature to its nearest neighbour in the batch.

    Computed in float32 also under autocast: in bfloat16, near neighbours would have distance zero.

    Args:
        features: Features, (N, D), any norm, N at least 2.

    Returns:
        Scalar, from -log 2 (two opposite features) to 18.4 (all equal).
    """
    with torch.autocast(features.device.type, enabled=False):
        wide = features.float() if features.dtype in (torch.float16, torch.bfloat16) else features
        directions = F.normalize(wide, dim=-1)
        with torch.no_grad():
            similarity = directions @ directions.T
            nearest = similarity.fill_diagonal_(-torch.inf).argmax(1)
        # Not sqrt(2 - 2 cos): rounding would give a negative number under the root for equal features.
        distance = (directions - directions[nearest]).square().sum(1).clamp_min(CLOSEST**2).sqrt()
        return -(distance + CLOSEST).log().mean()


def koleo_of_views(views: Sequence[Tensor]) -> Tensor:
    """Compute the mean KoLeo loss of the global crops, each over the batch of all processes.

    Args:
        views: Features of each crop, (N, D) each.

    Returns:
        Scalar.
    """
    return torch.stack([koleo(all_gather(view.float())) for view in views]).mean()
