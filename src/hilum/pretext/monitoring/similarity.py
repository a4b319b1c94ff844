"""How near projections are that must be near, and how near all others: where both are alike, nothing is distinguished.

Mean cosines, of the kind that Wang & Isola (ICML 2020, §4.1) take apart as alignment and uniformity.

Means of what a method sees of itself over the batches of an epoch.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from hilum.training.distributed import all_reduce_mean


@torch.no_grad()
def positive_similarity(first: Tensor, second: Tensor) -> Tensor:
    """Mean cosine of rows with the rows at the same place, (N, D) twice to a scalar in [-1, 1]."""
    return F.cosine_similarity(first.float(), second.float(), dim=1).mean()


@torch.no_grad()
def negative_similarity(first: Tensor, second: Tensor) -> Tensor:
    """Mean cosine of every view with every view of another image, both (N, D), N at least 2, to a scalar.

    By sums, in O(N D): the square of the sum of all directions has every pair twice, each view with itself, and each
    image's two views with one another.
    """
    views = F.normalize(torch.cat([first.float(), second.float()]), dim=1).double()
    images = len(first)
    own = len(views) + 2 * (views[:images] * views[images:]).sum()
    return (views.sum(0).square().sum() - own) / (2 * images * (2 * images - 2))


@torch.no_grad()
def mean_similarity(rows: Tensor, others: Tensor) -> Tensor:
    """Mean cosine of every row with every other row, (N, D) and (K, D) to a scalar."""
    return F.normalize(rows.float(), dim=1).mean(0) @ F.normalize(others.float(), dim=1).mean(0)


class MeanMetrics(nn.Module):
    """Sums up numbers; part of the state, so that a resumed epoch is summed up whole.

    Args:
        names: of the numbers.
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
        """Add what one batch gave, a scalar for each name; of several processes, their mean."""
        self.sums.add_(all_reduce_mean(torch.stack(values).double()))
        self.batches.add_(1)

    @torch.no_grad()
    def compute(self) -> dict[str, float]:
        """The means since the last time, by name; empty where there was no batch."""
        if not int(self.batches):
            return {}
        means = dict(zip(self.names, (self.sums / self.batches).tolist(), strict=True))
        self.sums.zero_()
        self.batches.zero_()
        return means
