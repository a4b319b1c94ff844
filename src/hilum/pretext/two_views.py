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
        second_policy: what may change in the second view; as in the first when None.
    """

    policy: ViewPolicy
    size: int
    seed: int
    second_policy: ViewPolicy | None = None

    def of(self, batch: Batch, epoch: int) -> tuple[Tensor, Tensor]:
        """Both views, each (N, 1, size, size) in [0, 1]; a function of seed, epoch and image."""
        first, second = (
            random_views(batch.images, batch.keys, policy, self.size, seed=self.seed, epoch=epoch, view=view)
            for view, policy in enumerate((self.policy, self.second_policy or self.policy))
        )
        return first, second
