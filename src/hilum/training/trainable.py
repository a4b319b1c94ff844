"""What can be trained: a pretext method, a classifier."""

from typing import Any

from torch import Tensor, nn

from hilum.data.batches import Batch
from hilum.training.settings import TrainingSettings


class Trainable(nn.Module):
    """A module that knows its loss.

    All that changes while it trains (weights, a queue, a momentum copy) must be in `state_dict()`, as tensors: that is
    what a checkpoint holds, and a killed run goes on from there as if nothing had happened. Dropout may use torch's
    generator, which is seeded anew for every step.
    """

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:
        """Mean loss of a batch, a scalar; called in training mode under autocast.

        Args:
            batch: images as they are in the store; views are drawn here.
            epoch: counts from 0; part of what a random view depends on.
        """
        raise NotImplementedError

    def validation_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Sum of the loss and number of terms in it, two scalars, so that the mean over batches is exact.

        Called in evaluation mode under autocast, without gradients, and only where validation batches are given.
        """
        raise NotImplementedError

    def after_step(self) -> None:
        """Whatever follows an optimiser step, such as moving a momentum copy; nothing by default."""

    def watch(self) -> dict[str, float]:
        """Further numbers for the curves at the end of an epoch, always under the same names; none by default.

        A finished epoch that is resumed is not watched again.
        """
        return {}

    def parameter_groups(self, settings: TrainingSettings) -> list[dict[str, Any]]:
        """Trainable parameters for the optimiser: weight decay on matrices and kernels, none on biases and norms.

        A group may name its own `lr`, the peak that the schedule scales.
        """
        return decay_groups(self, settings.weight_decay)


def decay_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Trainable parameters of `module` in two groups, with and without weight decay; empty groups are left out.

    Biases and the gains of norms have one dimension; decaying them hurts (He et al., "Bag of tricks", CVPR 2019, §3.1).
    """
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trainable if parameter.ndim >= 2], "weight_decay": weight_decay},
        {"params": [parameter for parameter in trainable if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
