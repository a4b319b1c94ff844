"""Data loaders of fine-tuning: shuffled with targets for training, in order for scoring."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.augment import copy_transforms, plain_view, views_to_average
from hilum.data.batches import Batches
from hilum.data.labelled_images import LabelledImages
from hilum.data.store import Store
from hilum.finetuning.settings import TTA, FinetuneSettings
from hilum.progress import ProgressReport, silent
from hilum.training.distributed.device import choose_device
from hilum.training.precision import AUTOCAST, ResolvedPrecision, choose_precision, deterministic


@dataclass(frozen=True)
class BatchLoader:
    """Source of images and settings of their batches.

    Attributes:
        store: Pixels of the images.
        size: Side of the network input in px.
        batch_size: Images a step.
        seed: Random seed of the training order.
        workers: Number of prefetching threads.
        device, precision: Device and precision of the computation.
    """

    store: Store
    size: int
    batch_size: int
    seed: int
    workers: int
    device: torch.device
    precision: ResolvedPrecision

    @classmethod
    def of(cls, store: Store, settings: FinetuneSettings, seed: int) -> Self:
        """Make the loader of a run with these settings on this machine."""
        device = choose_device(settings.device)
        return cls(
            store,
            size=settings.size or store.recipe.size,
            batch_size=settings.batch_size,
            seed=seed,
            workers=settings.workers,
            device=device,
            precision=choose_precision(settings.precision, device),
        )

    def training(self, images: LabelledImages, *, drop_last: bool = False) -> Batches:
        """Make batches of training images, in a new order every epoch.

        Args:
            images: Training images.
            drop_last: Skip the images of an incomplete last batch in this epoch. Otherwise every image is in every
                epoch, in batches whose sizes differ by at most one, since batch norm over one or two images would be
                noise. Fewer images than one batch are one batch.
        """
        return Batches(
            self.store,
            images.image_ids,
            self.batch_size,
            seed=self.seed,
            shuffle=True,
            drop_last=drop_last and len(images.image_ids) >= self.batch_size,
            even=not drop_last,
            targets=images.targets,
            workers=self.workers,
            device=self.device,
            copies=images.copies,
        )

    def plain(
        self,
        image_ids: Sequence[str],
        targets: NDArray[np.float32] | None = None,
        copies: NDArray[np.int8] | None = None,
    ) -> Batches:
        """Make batches of every image once (or once in each copy), in the given order."""
        return Batches(
            self.store,
            list(image_ids),
            self.batch_size,
            seed=self.seed,
            shuffle=False,
            drop_last=False,
            targets=targets,
            workers=self.workers,
            device=self.device,
            copies=copies,
        )

    def outputs(
        self,
        module: Callable[[Tensor], Tensor],
        image_ids: Sequence[str],
        note: str,
        on_progress: ProgressReport = silent,
        *,
        copies: NDArray[np.int8] | None = None,
        tta: TTA = "none",
    ) -> Tensor:
        """Compute the outputs of a module in evaluation mode on images without augmentation.

        Args:
            module: Module from (B, 1, size, size) in [0, 1] to (B, D).
            image_ids: N image ids.
            note: Text for `on_progress`.
            on_progress: Called after every batch.
            copies: (N,), number of each image's copy; None for unchanged images.
            tta: Test-time augmentation: mean over these versions of each image (`hilum.augment.views_to_average`).

        Returns:
            (N, D) float32, in the order of `image_ids`.
        """
        batches, outputs = self.plain(image_ids, copies=copies), []
        fewer_bits = torch.autocast(self.device.type, AUTOCAST.get(self.precision), enabled=self.precision in AUTOCAST)
        with deterministic(self.device), torch.no_grad(), fewer_bits:
            for step, batch in enumerate(batches, 1):
                if tta == "none":
                    views = [plain_view(batch.images, self.size, copy_transforms(batch.copies))]
                else:
                    views = views_to_average(batch.images, self.size, tta)
                found = [module(view).float() for view in views]
                outputs.append(found[0] if len(found) == 1 else torch.stack(found).mean(0))
                on_progress(step, len(batches), note)
        return torch.cat(outputs)
