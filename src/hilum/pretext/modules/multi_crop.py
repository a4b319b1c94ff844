"""Multi-crop: two global views and several local crops (Caron et al. 2020, SwAV, §3.3); two-crop without these."""

from dataclasses import dataclass

from torch import Tensor

from hilum.augment import Augmentation, random_views
from hilum.data.batches import Batch
from hilum.errors import HilumError
from hilum.pretext.modules.early import EarlySizes


@dataclass(frozen=True)
class MultiCrop:
    """Two global and several local random crops of every image of a batch.

    Args:
        global_augmentation: Augmentation of the global crops.
        global_size: Side of the global crops in px.
        local_augmentation: Augmentation of the local crops.
        local_size: Side of the local crops in px; the cost is proportional to its square.
        local_crops: Number of local crops.
        seed: Random seed of the run.
        second_augmentation: Augmentation of the second global crop; None: that of the first.
        early: Smaller sides in the first epochs; None: none.

    Raises:
        HilumError: A negative number of local crops.
    """

    global_augmentation: Augmentation
    global_size: int
    local_augmentation: Augmentation
    local_size: int
    local_crops: int
    seed: int
    second_augmentation: Augmentation | None = None
    early: EarlySizes | None = None

    def __post_init__(self) -> None:
        if self.local_crops < 0:
            raise HilumError("local views", expected="0 or more", found=str(self.local_crops), fix="Use 0 or more.")

    def of(self, batch: Batch, epoch: int) -> tuple[list[Tensor], list[Tensor]]:
        """Draw both global and all local crops, (N, 1, side, side) each; a function of (seed, epoch, image)."""
        pair = self.global_augmentation, self.second_augmentation or self.global_augmentation
        global_size, local_size = self.sizes_at(epoch)
        drawn = [
            random_views(batch.images, batch.keys, augmentation, size, seed=self.seed, epoch=epoch, view=view)
            for view, (augmentation, size) in enumerate(
                [(augmentation, global_size) for augmentation in pair]
                + [(self.local_augmentation, local_size)] * self.local_crops
            )
        ]
        return drawn[:2], drawn[2:]

    def sizes_at(self, epoch: int) -> tuple[int, int]:
        """Return the sides of global and local crops in an epoch, from 0."""
        if self.early is not None and epoch < self.early.epochs:
            return self.early.size, self.early.local_size
        return self.global_size, self.local_size


@dataclass(frozen=True)
class TwoCrop:
    """Two random views of every image of a batch.

    Args:
        augmentation: Augmentation of the views.
        size: Side of the views in px.
        seed: Random seed of the run.
        second_augmentation: Augmentation of the second view; None: that of the first.
        early: Smaller side in the first epochs; None: none.
    """

    augmentation: Augmentation
    size: int
    seed: int
    second_augmentation: Augmentation | None = None
    early: EarlySizes | None = None

    def of(self, batch: Batch, epoch: int) -> tuple[Tensor, Tensor]:
        """Draw both views, (N, 1, size, size) in [0, 1] each; a function of (seed, epoch, image)."""
        size = self.early.size if self.early is not None and epoch < self.early.epochs else self.size
        first, second = (
            random_views(batch.images, batch.keys, augmentation, size, seed=self.seed, epoch=epoch, view=view)
            for view, augmentation in enumerate((self.augmentation, self.second_augmentation or self.augmentation))
        )
        return first, second
