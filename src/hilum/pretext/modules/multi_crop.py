"""Multi-crop: two views of nearly the whole image, and small ones of parts of it (Caron et al. 2020, SwAV, §3.3).

The two views that a contrastive method compares.
"""

from dataclasses import dataclass

from torch import Tensor

from hilum.augment import Augmentation, random_views
from hilum.data.batches import Batch
from hilum.errors import HilumError
from hilum.pretext.modules.early import EarlySizes


@dataclass(frozen=True)
class MultiCrop:
    """Draws global and local views of every image of a batch.

    Args:
        global_augmentation: of the two global views, or of the first.
        global_size: their side in pixels.
        local_augmentation: of the local views, whose crops are smaller.
        local_size: their side in pixels; cheaper by the square of the ratio.
        local_crops: how many local views; 0 for none.
        seed: of the run.
        second_augmentation: of the second global view; as of the first when None.
        early: smaller sides in the first epochs.

    Raises:
        HilumError: fewer than no local views.
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
            raise HilumError("local views", expected="0 or more", found=str(self.local_crops), fix="Ask for some.")

    def of(self, batch: Batch, epoch: int) -> tuple[list[Tensor], list[Tensor]]:
        """Both global and all local views, (N, 1, side, side) each; a function of seed, epoch and image."""
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
        """Sides of global and local views in an epoch, from 0."""
        if self.early is not None and epoch < self.early.epochs:
            return self.early.size, self.early.local_size
        return self.global_size, self.local_size


@dataclass(frozen=True)
class TwoCrop:
    """Draws two random views of every image of a batch.

    Args:
        augmentation: what may change between them.
        size: pixels a side.
        seed: of the run.
        second_augmentation: what may change in the second view; as in the first when None.
        early: a smaller side in the first epochs.
    """

    augmentation: Augmentation
    size: int
    seed: int
    second_augmentation: Augmentation | None = None
    early: EarlySizes | None = None

    def of(self, batch: Batch, epoch: int) -> tuple[Tensor, Tensor]:
        """Both views, each (N, 1, size, size) in [0, 1]; a function of seed, epoch and image."""
        size = self.early.size if self.early is not None and epoch < self.early.epochs else self.size
        first, second = (
            random_views(batch.images, batch.keys, augmentation, size, seed=self.seed, epoch=epoch, view=view)
            for view, augmentation in enumerate((self.augmentation, self.second_augmentation or self.augmentation))
        )
        return first, second
