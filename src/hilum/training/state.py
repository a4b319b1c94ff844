"""Where a run is: what a checkpoint holds beside weights and optimiser."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from hilum.training.callbacks import SMOOTHED
from hilum.training.optim import Lowest, Plateau
from hilum.training.settings import KeepProbed, TrainingSettings


@dataclass
class TrainState:
    """State of a run between two steps; plain numbers, so that a checkpoint holds no code.

    Attributes:
        epoch: finished epochs.
        step: steps taken in the epoch under way.
        loss_sum, images: of these steps; the loss is weighted by images.
        seconds, seconds_waited: spent on these steps, and of them waiting for batches.
        lowest: validation loss, for the best epoch and early stopping.
        misranked: 1 - macro AUROC of the validation images, where that chooses the epoch.
        plateau: state of the plateau schedule.
        start: what a probe reported before the first step; empty without one.
        quality: of the last probe.
        highest: quality of all probes that could choose an epoch (of `smoothed_probe`, mean of three).
        highest_error: standard error of the highest.
        probed: qualities so far, where their mean chooses.
        best_epoch: counted from 1; 0 before the first validation or probe.
        curves: one row an epoch.
        compiled: whether the blocks run compiled; None before that was decided.
        stopped_early: no lower validation loss for the settings' patience.
    """

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    images: int = 0
    seconds: float = 0.0
    seconds_waited: float = 0.0
    lowest: Lowest = field(default_factory=Lowest)
    misranked: Lowest = field(default_factory=Lowest)
    plateau: Plateau = field(default_factory=Plateau)
    start: dict[str, float] = field(default_factory=dict)
    quality: float | None = None
    highest: float = -math.inf
    highest_error: float = 0.0
    probed: list[float] = field(default_factory=list)
    best_epoch: int = 0
    curves: list[dict[str, float | int | None]] = field(default_factory=list)
    compiled: bool | None = None
    stopped_early: bool = False

    def as_data(self) -> dict[str, Any]:
        """Plain numbers."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Self:
        """The state that gave `as_data`."""
        plateau = Plateau(data["plateau"]["share"], Lowest(**data["plateau"]["lowest"]))
        lowest = {name: Lowest(**data[name]) for name in ("lowest", "misranked")}
        return cls(**{**data, **lowest, "plateau": plateau})

    def count_step(self, images: int, seconds: float, seconds_waited: float) -> None:
        """Count a step."""
        self.step += 1
        self.images += images
        self.seconds += seconds
        self.seconds_waited += seconds_waited

    def record_validation(self, loss: float, auroc: float | None, settings: TrainingSettings) -> bool:
        """Take a validation behind the epoch that was closed last; whether its weights are to be kept.

        Args:
            loss: finite.
            auroc: macro AUROC; None unless `settings.keep` asks for it.
            settings: of the run: patience, plateau, what is kept.
        """
        self.plateau.record(loss, settings)
        better = self.lowest.record(loss)
        waited = self.lowest.waited
        if settings.keep == "best_auroc" and auroc is not None:
            better = self.misranked.record(1 - auroc)
            waited = self.misranked.waited
        if better or settings.keep == "last":
            self.best_epoch = self.epoch
        patience = settings.patience
        self.stopped_early = (patience is not None and waited >= patience) or self.plateau.is_below(settings)
        return self.best_epoch == self.epoch

    def record_probe(self, quality: float | None, error: float, keep: KeepProbed) -> bool:
        """Take what a probe found after the epoch that was closed last; whether its weights are to be kept.

        Args:
            quality: None where no probe was due.
            error: its standard error.
            keep: the rule. The epoch that a rule looks for at the end is always one that was kept when it was probed.
        """
        if quality is None or keep == "last" or math.isnan(quality):  # not a number is not a highest
            return False
        if keep == "smoothed_probe":
            self.probed = [*self.probed, quality][-SMOOTHED:]
            quality = sum(self.probed) / len(self.probed)
        better = quality > self.highest
        if better:
            self.highest, self.highest_error = quality, error
        near = keep == "within_one_error" and quality >= self.highest - self.highest_error
        if better or near:
            self.best_epoch = self.epoch
        return better or near

    def next_epoch(self, row: dict[str, float | int | None]) -> None:
        """Close an epoch with its row of the curves."""
        self.curves.append(row)
        self.epoch += 1
        self.step = self.images = 0
        self.loss_sum = self.seconds = self.seconds_waited = 0.0

    @property
    def images_per_second(self) -> float:
        """Of the steps of this epoch, waiting included."""
        return self.images / self.seconds if self.seconds else 0.0

    @property
    def data_wait_share(self) -> float:
        """Part of the time of this epoch's steps that was spent waiting for batches, 0 to 1."""
        return self.seconds_waited / self.seconds if self.seconds else 0.0
