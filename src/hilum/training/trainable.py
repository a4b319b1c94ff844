"""What can be trained: a pretext method, a classifier."""

from typing import Any

from torch import Tensor, nn

from hilum.data.batches import Batch
from hilum.training.param_groups import layered_groups
from hilum.training.settings import TrainingSettings


class Trainable(nn.Module):
    """A module that knows its loss.

    All that changes while it trains (weights, a queue, a momentum copy) must be in `state_dict()`, as tensors: that is
    what a checkpoint holds, and a killed run goes on from there as if nothing had happened. Dropout may use torch's
    generator, which is seeded anew for every step.
    """

    @property
    def exported(self) -> nn.Module:
        """The part whose weights of the best epoch are kept, where a run chooses one; all of it by default."""
        return self

    @property
    def needs_whole_batch(self) -> str:
        """Why a batch cannot be computed in parts, as the second half of a sentence; "" where it can.

        It can where the mean of what `training_loss` says of parts of a batch is what it says of the batch, and what
        `after_step` does follows from all parts (gradient accumulation,
        `TrainingSettings.gradient_accumulation_steps`).
        """
        return "its loss is not known to be a mean over images"

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:
        """Mean loss of a batch, a scalar; called in training mode under autocast.

        One process of several is given its part of the batch. The mean of what they all return must be the loss of the
        joined batch (`hilum.training.distributed.collectives` has what that takes), and the same parameters must get a
        gradient in all.

        Args:
            batch: images as they are in the store; views are drawn here. May be a part of `batch.whole`.
            epoch: counts from 0; part of what a random view depends on.
        """
        raise NotImplementedError

    def validation_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Sum of the loss and number of terms in it, two scalars, so that the mean over batches is exact.

        Called in evaluation mode under autocast, without gradients, and only where validation batches are given.
        """
        raise NotImplementedError

    def validation_with_scores(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """As `validation_loss`, and scores (B, findings), higher is surer; where a run keeps the best AUROC.

        Args:
            batch: with targets.
        """
        raise NotImplementedError

    def after_step(self) -> None:
        """Whatever follows an optimiser step, such as moving a momentum copy; nothing by default."""

    def epoch_metrics(self) -> dict[str, float]:
        """Further numbers for the curves at the end of an epoch, always under the same names; none by default.

        A finished epoch that is resumed is not watched again.
        """
        return {}

    def parameter_groups(self, settings: TrainingSettings) -> list[dict[str, Any]]:
        """Trainable parameters for the optimiser: weight decay on matrices and kernels, none on biases and norms.

        A group may name its own `lr`, the peak that the schedule scales.
        """
        return layered_groups(self, settings.weight_decay, settings.lr, settings.layer_decay)
