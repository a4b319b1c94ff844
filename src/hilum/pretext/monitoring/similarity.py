"""Mean cosine similarity of positive and of negative pairs, and their averages over an epoch.

If both are equal, the projections do not distinguish images; compare alignment and uniformity (Wang & Isola, ICML 2020,
§4.1).
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from hilum.training.distributed import all_reduce_mean


@torch.no_grad()
def positive_similarity(first: Tensor, second: Tensor) -> Tensor:
    """Compute the mean cosine of positive pairs, row by row: two (N, D) to a scalar in [-1, 1]."""
    return F.cosine_similarity(first.float(), second.float(), dim=1).mean()


@torch.no_grad()
def negative_similarity(first: Tensor, second: Tensor) -> Tensor:
    """Compute the mean cosine of negative pairs: views of different images, two (N, D), N at least 2, to a scalar.

    In O(N D): the squared norm of the sum of all unit vectors contains every pair twice, each view with itself, and
    each image's two views with each other.
    """
    views = F.normalize(torch.cat([first.float(), second.float()]), dim=1).double()
    images = len(first)
    own = len(views) + 2 * (views[:images] * views[images:]).sum()
    return (views.sum(0).square().sum() - own) / (2 * images * (2 * images - 2))


@torch.no_grad()
def mean_similarity(rows: Tensor, others: Tensor) -> Tensor:
    """Compute the mean cosine of all pairs of rows, (N, D) and (K, D) to a scalar."""
    return F.normalize(rows.float(), dim=1).mean(0) @ F.normalize(others.float(), dim=1).mean(0)


class MeanMetrics(nn.Module):
    """Means of several metrics over the batches of an epoch; part of the checkpoint.

    Args:
        names: Names of the metrics.
    """

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = names
        self.sums: Tensor
        self.batches: Tensor
        self.register_buffer("sums", torch.zeros(len(names), dtype=torch.float64))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, *values: Tensor) -> None:
        """Add the values of a batch, a scalar per name; averaged over processes."""
        self.sums.add_(all_reduce_mean(torch.stack(values).double()))
        self.batches.add_(1)

    @torch.no_grad()
    def compute(self) -> dict[str, float]:
        """Return the means by name, and reset; empty without a batch."""
        if not int(self.batches):
            return {}
        means = dict(zip(self.names, (self.sums / self.batches).tolist(), strict=True))
        self.sums.zero_()
        self.batches.zero_()
        return means
