"""What trials of one order of images share: views, and the pass through the blocks that none of them trains."""

import copy
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor

from hilum.augment import Augmentation, copy_transforms, plain_view, random_views
from hilum.data.batches import Batch
from hilum.encoders.freezing import freeze_all_but_last
from hilum.encoders.zoo import Encoder
from hilum.finetuning.classifier import Classifier, known_targets
from hilum.training.settings import TrainingSettings
from hilum.training.trainable import Trainable


class SharedPass:
    """Computes the hidden states of a batch behind a frozen front, once for all trials.

    Args:
        encoder: frozen as a whole and in evaluation mode; trials that unfreeze blocks have copies of these.
        size: side of the views in px.
        augmentation: of the training views.
        seed: of the training views.
        cuts: places among the encoder's blocks at which trials begin: 0 for those that train all, the number of blocks
            for those that train the head alone.

    Attributes:
        hidden: what enters the block at each cut, of the batch under way.
    """

    def __init__(
        self, encoder: Encoder, size: int, augmentation: Augmentation, seed: int, cuts: Collection[int]
    ) -> None:
        self.encoder, self.size, self.augmentation, self.seed = encoder, size, augmentation, seed
        self.cuts = sorted(set(cuts))
        self.hidden: dict[int, Tensor] = {}

    def train(self, batch: Batch, epoch: int) -> None:
        """Look at one random view of each image, as `Classifier.training_loss` does."""
        if self.cuts:
            views = random_views(
                batch.images, batch.keys, self.augmentation, self.size,
                seed=self.seed, epoch=epoch, view=0, before=copy_transforms(batch.copies),
            )  # fmt: skip
            self._run(views)

    def look(self, batch: Batch) -> None:
        """Look at the plain view of each image."""
        if self.cuts:
            self._run(plain_view(batch.images, self.size))

    @torch.no_grad()
    def _run(self, views: Tensor) -> None:
        before, hidden = 0, views
        self.hidden = {}
        for cut in self.cuts:
            if cut > 0:
                hidden = self.encoder.run_blocks(hidden, (self.size, self.size), before, cut)
            self.hidden[cut] = hidden
            before = cut


class BehindSharedPass(Trainable):
    """A classifier that begins where the shared pass ends.

    Args:
        classifier: whose encoder shares its frozen blocks with that of `shared`.
        shared: looks at each batch before this is asked for its loss.
    """

    def __init__(self, classifier: Classifier, shared: SharedPass) -> None:
        super().__init__()
        self.classifier = classifier
        self.shared = [shared]  # in a list, so that nothing of it becomes this module's

    @property
    def needs_whole_batch(self) -> str:
        """As `Classifier.needs_whole_batch`."""
        return self.classifier.needs_whole_batch

    def features(self) -> Tensor:
        """Of the batch under way, (B, width)."""
        encoder, shared = self.classifier.encoder, self.shared[0]
        cut = encoder.frozen_blocks
        return self.classifier.pooled(encoder.run_blocks(shared.hidden[cut], (shared.size, shared.size), cut))

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:  # noqa: ARG002
        """As `Classifier.training_loss`."""
        return self.classifier.mean_loss(self.features(), batch)

    def validation_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """As `Classifier.validation_loss`."""
        return self.classifier.label_loss(self.features(), known_targets(batch))

    def parameter_groups(self, settings: TrainingSettings) -> list[dict[str, Any]]:
        """As `Classifier.parameter_groups`."""
        return self.classifier.parameter_groups(settings)


def encoder_of_lane(start: Encoder, unfreeze: Any) -> Encoder:
    """An encoder with copies of the blocks that are to train, and the frozen ones of `start` itself.

    Args:
        start: frozen as a whole; left as it is.
        unfreeze: as in `hilum.encoders.freezing.freeze_all_but_last`.
    """
    count = len(start.blocks)
    frozen = 0 if unfreeze == "all" else max(count - int(unfreeze), 0)
    shared: dict[int, Any] = {}
    for block in start.blocks[:frozen]:
        for each in (*block.modules(), *block.parameters(), *block.buffers()):
            shared[id(each)] = each
    own = copy.deepcopy(start, shared)
    freeze_all_but_last(own, unfreeze)
    return own
