"""NT-Xent, the contrastive loss of SimCLR (Chen et al., ICML 2020, eq. 1)."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def nt_xent(first: Tensor, second: Tensor, temperature: float = 0.1) -> Tensor:
    """Average cross-entropy of finding each view's twin among all other views of the batch.

    Args:
        first: projections of one view of N images, (N, D), any norm.
        second: projections of another view of the same images, (N, D).
        temperature: softens the similarities; > 0. Gowtham et al. use 0.1.

    Returns:
        Scalar. log(2N - 1) where projections say nothing, towards 0 where every view is nearest to its twin.
        In float32 also under autocast: bfloat16 would round similarities to steps of 0.004.
    """
    with torch.autocast(first.device.type, enabled=False):
        views = F.normalize(torch.cat([first, second]).float(), dim=1)
        similarity = views @ views.T / temperature
        similarity.fill_diagonal_(-torch.inf)  # a view is not a candidate for itself
        twin = torch.arange(len(views), device=views.device).roll(len(first))
        return F.cross_entropy(similarity, twin)
