"""Exponential moving average (EMA) of a classifier's weights, which is validated and exported."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from hilum.data.batches import Batch
from hilum.finetuning.classifier import Classifier, HeadOnFeatures
from hilum.training.settings import TrainingSettings
from hilum.training.trainable import Trainable


class Averaged(Trainable):
    """A trainable with the EMA of its weights: a' = d a + (1 - d) w (Polyak & Juditsky 1992).

    As `torch.optim.swa_utils.AveragedModel` with `get_ema_multi_avg_fn(d)`, which starts from the weights after the
    first step; batch-norm statistics are copy_for_averaging.

    Args:
        trained: Model that is trained.
        averaged: Model of the same architecture that is validated and exported. Frozen weights may be shared.
        decay: Decay d, 0 to 1.
    """

    def __init__(
        self, trained: Classifier | HeadOnFeatures, averaged: Classifier | HeadOnFeatures, decay: float
    ) -> None:
        super().__init__()
        self.trained, self.averaged, self.decay = trained, averaged.requires_grad_(False), decay
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.steps: Tensor

    @property
    def exported(self) -> nn.Module:
        """Averaged model."""
        return self.averaged

    @property
    def needs_whole_batch(self) -> str:
        """See the trained model."""
        return self.trained.needs_whole_batch

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:
        """Compute the loss of the trained model."""
        return self.trained.training_loss(batch, epoch)

    def validation_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Compute the loss of the averaged model."""
        return self.averaged.validation_loss(batch)

    def validation_with_scores(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Compute loss and logits of the averaged model."""
        return self.averaged.validation_with_scores(batch)

    @torch.no_grad()
    def after_step(self) -> None:
        """Update the average."""
        self.trained.after_step()
        decay = self.decay if int(self.steps) else 0.0
        self.steps += 1
        for old, new in zip(self.averaged.parameters(), self.trained.parameters(), strict=True):
            if new.requires_grad:
                old.lerp_(new, 1 - decay)
        for exported, now in zip(self.averaged.buffers(), self.trained.buffers(), strict=True):
            exported.copy_(now)

    def parameter_groups(self, settings: TrainingSettings) -> list[dict[str, Any]]:
        """Return the parameter groups of the trained model."""
        return self.trained.parameter_groups(settings)


def copy_for_averaging(classifier: Classifier) -> Classifier:
    """Copy a classifier; frozen weights are shared."""
    frozen = {id(each): each for each in classifier.parameters() if not each.requires_grad}
    return copy.deepcopy(classifier, frozen)
