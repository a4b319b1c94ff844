"""Base class of trainable modules: pretext methods and classifiers."""

from typing import Any

from torch import Tensor, nn

from hilum.data.batches import Batch
from hilum.training.param_groups import layered_groups
from hilum.training.settings import TrainingSettings


class Trainable(nn.Module):
    """A module with a training loss.

    All state that changes during training (weights, queue, EMA copy) must be tensors in `state_dict()`, so that a run
    can resume from a checkpoint bit-identically. Dropout may use torch's generator, which is seeded in every step.
    """

    @property
    def exported(self) -> nn.Module:
        """Module whose weights of the best epoch are kept; by default all of it."""
        return self

    @property
    def needs_whole_batch(self) -> str:
        """Reason against gradient accumulation, as a clause after "but"; "" if it is possible.

        It is possible if the mean of `training_loss` over parts of a batch equals that of the batch, and `after_step`
        uses all parts.
        """
        return "its loss is not known to be a mean over images"

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:
        """Return the mean loss of a batch, a scalar; called in training mode under autocast.

        Each process gets its part of the batch. The mean over processes must be the loss of the whole batch (see
        `hilum.training.distributed.collectives`), and the same parameters must get gradients in all processes.

        Args:
            batch: Stored images, from which views are drawn; may be a part of `batch.whole`.
            epoch: Epoch from 0, on which random views depend.
        """
        raise NotImplementedError

    def validation_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the sum of the loss and its number of terms, two scalars, for an exact mean over batches.

        Called in evaluation mode under autocast, without gradients, only for runs with validation.
        """
        raise NotImplementedError

    def validation_with_scores(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return `validation_loss` and scores (B, findings), for runs that keep the epoch of the best AUROC.

        Args:
            batch: Batch with targets.
        """
        raise NotImplementedError

    def after_step(self) -> None:
        """Called after each optimiser step, for example to update an EMA copy; nothing by default."""

    def epoch_metrics(self) -> dict[str, float]:
        """Return further metrics for the curves at the end of an epoch, always with the same names; none by default.

        Not called again for a finished epoch after resumption.
        """
        return {}

    def parameter_groups(self, settings: TrainingSettings) -> list[dict[str, Any]]:
        """Return the optimiser's parameter groups: weight decay on matrices and kernels, none on biases and norms.

        A group may have its own peak `lr`.
        """
        return layered_groups(self, settings.weight_decay, settings.lr, settings.layer_decay)
