"""Means of what a method sees of itself over the batches of an epoch."""

import torch
from torch import Tensor, nn

from hilum.training.ranks import averaged


class EpochMeans(nn.Module):
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
    def note(self, *values: Tensor) -> None:
        """Add what one batch gave, a scalar for each name; of several processes, their mean."""
        self.sums.add_(averaged(torch.stack(values).double()))
        self.batches.add_(1)

    @torch.no_grad()
    def take(self) -> dict[str, float]:
        """The means since the last time, by name; empty where there was no batch."""
        if not int(self.batches):
            return {}
        means = dict(zip(self.names, (self.sums / self.batches).tolist(), strict=True))
        self.sums.zero_()
        self.batches.zero_()
        return means
