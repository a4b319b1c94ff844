"""Shared computation of trials in lockstep: augmentation, and the pass through frozen blocks."""

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
    """Hidden states of a batch after the frozen blocks, computed once for all trials.

    Args:
        encoder: Frozen encoder in evaluation mode; trials that unfreeze blocks have copies of these.
        size: Side of the network input in px.
        augmentation: Augmentation of training images.
        seed: Random seed of augmentation.
        cuts: Blocks at which trials continue: 0 for training all blocks, the number of blocks for the head alone.

    Attributes:
        hidden: Input of the block at each cut, for the current batch.
    """

    def __init__(
        self, encoder: Encoder, size: int, augmentation: Augmentation, seed: int, cuts: Collection[int]
    ) -> None:
        self.encoder, self.size, self.augmentation, self.seed = encoder, size, augmentation, seed
        self.cuts = sorted(set(cuts))
        self.hidden: dict[int, Tensor] = {}

    def train(self, batch: Batch, epoch: int) -> None:
        """Compute hidden states of one augmentation of each image, as `Classifier.training_loss`."""
        if self.cuts:
            views = random_views(
                batch.images, batch.keys, self.augmentation, self.size,
                seed=self.seed, epoch=epoch, view=0, before=copy_transforms(batch.copies),
            )  # fmt: skip
            self._run(views)

    def look(self, batch: Batch) -> None:
        """Compute hidden states of each image without augmentation."""
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
    """Classifier that continues after the shared pass.

    Args:
        classifier: Classifier whose encoder shares its frozen blocks with that of `shared`.
        shared: Shared pass; it is run on each batch before the loss is computed.
    """

    def __init__(self, classifier: Classifier, shared: SharedPass) -> None:
        super().__init__()
        self.classifier = classifier
        self.shared = [shared]  # in a list, so that it is not a submodule

    @property
    def needs_whole_batch(self) -> str:
        """See `Classifier.needs_whole_batch`."""
        return self.classifier.needs_whole_batch

    def features(self) -> Tensor:
        """Compute features of the current batch, (B, width)."""
        encoder, shared = self.classifier.encoder, self.shared[0]
        cut = encoder.frozen_blocks
        return self.classifier.pooled(encoder.run_blocks(shared.hidden[cut], (shared.size, shared.size), cut))

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:  # noqa: ARG002
        """See `Classifier.training_loss`."""
        return self.classifier.mean_loss(self.features(), batch)

    def validation_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """See `Classifier.validation_loss`."""
        return self.classifier.label_loss(self.features(), known_targets(batch))

    def parameter_groups(self, settings: TrainingSettings) -> list[dict[str, Any]]:
        """See `Classifier.parameter_groups`."""
        return self.classifier.parameter_groups(settings)


def encoder_of_member(start: Encoder, unfreeze: Any) -> Encoder:
    """Copy an encoder; frozen blocks are shared with `start`, trained blocks are copied.

    Args:
        start: Frozen encoder; unchanged.
        unfreeze: As in `hilum.encoders.freezing.freeze_all_but_last`.
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
