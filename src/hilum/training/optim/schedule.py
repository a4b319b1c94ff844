"""Learning-rate and weight-decay schedules, and early stopping."""

import math
from dataclasses import dataclass, field

from hilum.training.settings import TrainingSettings

PLATEAU_THRESHOLD = 1e-4
"""Minimum relative improvement of the plateau schedule, as in torch's ReduceLROnPlateau."""


def learning_rate_factor(step: int, steps_per_epoch: int, settings: TrainingSettings) -> float:
    """Return the learning rate at a step as a fraction of the peak, in (0, 1], from warm-up and cosine.

    Args:
        step: Optimiser steps before this one.
        steps_per_epoch: Optimiser steps per epoch.
        settings: Settings of the run. The plateau schedule gives 1 after the warm-up; `Plateau` reduces it.
    """
    warmup = round(settings.warmup_epochs * steps_per_epoch)
    if step < warmup:
        return (step + 1) / warmup
    if settings.schedule != "cosine":
        return 1.0
    total = settings.epochs * steps_per_epoch
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def weight_decay_at(step: int, steps: int, settings: TrainingSettings) -> float:
    """Return the weight decay at a step: a cosine from `weight_decay` to `weight_decay_end` (DINO: 0.04 to 0.4).

    Args:
        step: Optimiser steps before this one.
        steps: Optimiser steps of the run.
        settings: Settings of the run.
    """
    first, last = settings.weight_decay, settings.weight_decay_end
    if last is None:
        return first
    return last + (first - last) * 0.5 * (1 + math.cos(math.pi * step / steps))


@dataclass
class Lowest:
    """Lowest loss so far.

    Attributes:
        threshold: Minimum relative improvement.
        value: Lowest loss.
        waited: Validations since.
    """

    threshold: float = 0.0
    value: float = math.inf
    waited: int = 0

    def record(self, loss: float) -> bool:
        """Record a loss; return whether it is a new lowest."""
        lower = loss < self.value * (1 - self.threshold)
        self.value, self.waited = (loss, 0) if lower else (self.value, self.waited + 1)
        return lower


@dataclass
class Plateau:
    """Plateau schedule: reduces the learning rate if the validation loss does not fall.

    Attributes:
        share: Factor of the learning rate so far.
        lowest: Lowest loss.
    """

    share: float = 1.0
    lowest: Lowest = field(default_factory=lambda: Lowest(PLATEAU_THRESHOLD))

    def record(self, loss: float, settings: TrainingSettings) -> None:
        """Record a loss; reduce the learning rate after more than `plateau_patience` ones without improvement.

        Never below `plateau_min_lr`.
        """
        self.lowest.record(loss)
        if self.lowest.waited > settings.plateau_patience:
            self.share = max(self.share * settings.plateau_factor, settings.plateau_min_lr / settings.lr)
            self.lowest.waited = 0

    def is_below(self, settings: TrainingSettings) -> bool:
        """Return whether the learning rate is below `stop_below_lr`."""
        floor = settings.stop_below_lr
        return floor is not None and self.share * settings.lr < floor
