"""NT-Xent, the InfoNCE loss of SimCLR (Chen et al., ICML 2020, eq. 1)."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def nt_xent(first: Tensor, second: Tensor, temperature: float = 0.1) -> Tensor:
    """Compute NT-Xent: mean cross-entropy of each view's positive pair against the other 2N - 2 views as negatives.

    Computed in float32 also under autocast: bfloat16 would round similarities to steps of 0.004.

    Args:
        first: Projections of one view of N images, (N, D), any norm.
        second: Projections of another view of the same images, (N, D).
        temperature: Temperature of the softmax, > 0; Gowtham et al. use 0.1.

    Returns:
        Scalar; log(2N - 1) if all similarities are equal, near 0 if each positive pair is by far the most similar.
    """
    with torch.autocast(first.device.type, enabled=False):
        views = F.normalize(torch.cat([first, second]).float(), dim=1)
        similarity = views @ views.T / temperature
        similarity.fill_diagonal_(-torch.inf)  # exclude each view's similarity with itself
        positive = torch.arange(len(views), device=views.device).roll(len(first))
        return F.cross_entropy(similarity, positive)
