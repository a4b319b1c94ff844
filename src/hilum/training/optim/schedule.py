"""The train_state of the learning rate, and when to stop."""

import math
from dataclasses import dataclass, field

from hilum.training.settings import TrainingSettings

PLATEAU_THRESHOLD = 1e-4
"""Smaller relative improvements do not count for the plateau schedule, as in torch's ReduceLROnPlateau."""


def learning_rate_factor(step: int, steps_per_epoch: int, settings: TrainingSettings) -> float:
    """Share of the peak learning rate at a step, in (0, 1], from the warm-up and the cosine.

    Args:
        step: optimiser steps taken before this one.
        steps_per_epoch: as in the run.
        settings: of the run. A plateau schedule stays at 1 after the warm-up; `Plateau` reduces it further.
    """
    warmup = round(settings.warmup_epochs * steps_per_epoch)
    if step < warmup:
        return (step + 1) / warmup
    if settings.schedule != "cosine":
        return 1.0
    total = settings.epochs * steps_per_epoch
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def weight_decay_at(step: int, steps: int, settings: TrainingSettings) -> float:
    """Weight decay at a step: from `weight_decay` to `weight_decay_end` along half a cosine (DINO: 0.04 to 0.4).

    Args:
        step: optimiser steps taken before this one.
        steps: of the run.
        settings: of the run.
    """
    first, last = settings.weight_decay, settings.weight_decay_end
    if last is None:
        return first
    return last + (first - last) * 0.5 * (1 + math.cos(math.pi * step / steps))


@dataclass
class Lowest:
    """The lowest loss so far.

    Attributes:
        threshold: relative improvement below which a lower value does not count.
        value: the lowest.
        waited: epochs since.
    """

    threshold: float = 0.0
    value: float = math.inf
    waited: int = 0

    def record(self, loss: float) -> bool:
        """Take an epoch's loss; whether it is a new lowest."""
        lower = loss < self.value * (1 - self.threshold)
        self.value, self.waited = (loss, 0) if lower else (self.value, self.waited + 1)
        return lower


@dataclass
class Plateau:
    """Reduces the learning rate when the validation loss stands still.

    Attributes:
        share: of the learning rate that is left.
        lowest: the losses it goes by.
    """

    share: float = 1.0
    lowest: Lowest = field(default_factory=lambda: Lowest(PLATEAU_THRESHOLD))

    def record(self, loss: float, settings: TrainingSettings) -> None:
        """Take an epoch's loss; after more than `plateau_patience` epochs without a lower one, reduce the share.

        It is never reduced below that of `plateau_min_lr`.
        """
        self.lowest.record(loss)
        if self.lowest.waited > settings.plateau_patience:
            self.share = max(self.share * settings.plateau_factor, settings.plateau_min_lr / settings.lr)
            self.lowest.waited = 0

    def is_below(self, settings: TrainingSettings) -> bool:
        """Whether the learning rate was reduced below `stop_below_lr`."""
        floor = settings.stop_below_lr
        return floor is not None and self.share * settings.lr < floor
