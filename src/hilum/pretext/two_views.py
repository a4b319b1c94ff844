"""The two views that a contrastive method compares."""

from dataclasses import dataclass

from torch import Tensor

from hilum.data.batches import Batch
from hilum.views import ViewPolicy, random_views


@dataclass(frozen=True)
class TwoViews:
    """Draws two random views of every image of a batch.

    Args:
        policy: what may change between them.
        size: pixels a side.
        seed: of the run.
    """

    policy: ViewPolicy
    size: int
    seed: int

    def of(self, batch: Batch, epoch: int) -> tuple[Tensor, Tensor]:
        """Both views, each (N, 1, size, size) in [0, 1]; a function of seed, epoch and image."""
        first, second = (
            random_views(batch.images, batch.keys, self.policy, self.size, seed=self.seed, epoch=epoch, view=view)
            for view in (0, 1)
        )
        return first, second
