"""State of a run in checkpoints, beside weights and optimiser."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from hilum.data.tables.parquet import RENAMED_COLUMNS
from hilum.training.callbacks import SMOOTHED
from hilum.training.optim import Lowest, Plateau
from hilum.training.settings import KeepProbed, TrainingSettings


@dataclass
class TrainState:
    """State of a run between two steps, as plain numbers.

    Attributes:
        epoch: Finished epochs.
        step: Steps in the current epoch.
        loss_sum, images: Sum of losses weighted by images, and number of images, of these steps.
        seconds, seconds_waited: Duration of these steps, and part of it spent waiting for batches.
        lowest: Lowest validation loss, for the best epoch and early stopping.
        misranked: Lowest 1 - macro AUROC of the validation images, if that selects the epoch.
        plateau: State of the plateau schedule.
        start: Metrics of the probe before the first step; empty without probe.
        quality: Quality at the last probe.
        highest: Highest quality of a probe (with `smoothed_probe`, of a mean of three).
        highest_error: Standard error of the highest.
        probed: Last qualities, for `smoothed_probe`.
        best_epoch: Best epoch, from 1; 0 before the first validation or probe.
        curves: One row per epoch.
        compiled: Whether blocks run compiled; None: not yet decided.
        stopped_early: True after early stopping.
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
        """Return plain numbers for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Self:
        """Restore the state from `as_data`."""
        plateau = Plateau(data["plateau"]["share"], Lowest(**data["plateau"]["lowest"]))
        lowest = {name: Lowest(**data[name]) for name in ("lowest", "misranked")}
        curves = [{RENAMED_COLUMNS.get(name, name): value for name, value in row.items()} for row in data["curves"]]
        return cls(**{**data, **lowest, "plateau": plateau, "curves": curves})

    def count_step(self, images: int, seconds: float, seconds_waited: float) -> None:
        """Count a step."""
        self.step += 1
        self.images += images
        self.seconds += seconds
        self.seconds_waited += seconds_waited

    def record_validation(self, loss: float, auroc: float | None, settings: TrainingSettings) -> bool:
        """Record a validation after the last closed epoch; return whether its weights are the best.

        Args:
            loss: Validation loss, finite.
            auroc: Macro AUROC; only needed with `settings.keep` "best_auroc".
            settings: Settings of the run.
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
        """Record a probe after the last closed epoch; return whether its weights must be kept.

        Args:
            quality: Quality; None if no probe was due.
            error: Standard error of the quality.
            keep: Rule for the exported epoch. The finally selected epoch is always one that was kept when probed.
        """
        if quality is None or keep == "last" or math.isnan(quality):
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
        """Close an epoch and add its row of the curves."""
        self.curves.append(row)
        self.epoch += 1
        self.step = self.images = 0
        self.loss_sum = self.seconds = self.seconds_waited = 0.0

    @property
    def images_per_second(self) -> float:
        """Throughput in the current epoch, including waiting."""
        return self.images / self.seconds if self.seconds else 0.0

    @property
    def data_wait_fraction(self) -> float:
        """Fraction of the current epoch's time spent waiting for batches, 0 to 1."""
        return self.seconds_waited / self.seconds if self.seconds else 0.0
