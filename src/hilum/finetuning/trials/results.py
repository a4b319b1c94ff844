"""What trials came to, and which of them is the best."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.errors import HilumError
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.trials.lanes import TrialStatus

SCORES = "validation_scores.npy"
LOSS = ("output_type", "class_weights", "max_class_weight", "focal", "label_smoothing", "reduction", "resample")
"""Settings that decide what a loss measures."""
Criterion = Literal["validation_loss", "auroc"]


@dataclass(frozen=True)
class TrialResult:
    """What one trial came to.

    Attributes:
        trial: its place among the trials, from 0.
        settings: that it was trained with.
        status: how it ended.
        epochs: that it finished.
        best_epoch: whose weights are kept, of the lowest validation loss or as `keep` says, from 1; 0 where it was
            never validated.
        validation_loss: of these weights; of a pruned trial that had no validation, that of its pause; else None.
        auroc: macro AUROC of the validation images with these weights, over findings with positives and negatives; None
            where it finished no epoch.
        ended_at: (epoch, step) of a loss that was not finite, counted from 1; step 0 for the validation behind an
            epoch. None where there was none.
        steps: that it took.
        seconds: its share of the time that it trained in.
    """

    trial: int
    settings: FinetuneSettings
    status: TrialStatus
    epochs: int
    best_epoch: int
    validation_loss: float | None
    auroc: float | None
    ended_at: tuple[int, int] | None
    steps: int = 0
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class TrialResults:
    """What all trials came to.

    Attributes:
        trials: in the order in which they were given.
        curves: a row for each epoch of each trial: trial, epoch (from 1), step, train_loss, val_loss, lr.
        directory: holds trials.json, curves.parquet, and validation_scores.npy: probabilities (trials, N, findings) of
            the validation images with the weights of each trial's lowest validation loss.
    """

    trials: list[TrialResult]
    curves: pl.DataFrame
    directory: Path

    def scores(self) -> NDArray[np.float32]:
        """Probabilities of the validation images, (trials, N, findings); NaN for a trial that finished no epoch."""
        scores: NDArray[np.float32] = np.load(self.directory / SCORES, mmap_mode="r")
        return scores

    def best(self, by: Criterion = "validation_loss") -> TrialResult:
        """The trial with the lowest validation loss, or the highest AUROC; of equal ones, the first.

        A trial that diverged is never chosen: trained alone it leaves no model. Nor is one that was pruned: it was
        trained for a part of its epochs.

        Args:
            by: losses can be compared where all trials have the same loss: one `output_type`, the same weights.

        Raises:
            HilumError: all trials diverged; or losses are of different kinds.
        """
        ended = [trial for trial in self.trials if trial.status not in ("diverged", "pruned")]
        if not ended:
            raise HilumError(
                "trials",
                expected="one that did not diverge",
                found=f"{len(self.trials)} that did",
                fix="Lower `lr`, or use precision fp32.",
            )
        kinds = {_kind_of_loss(trial.settings) for trial in ended}
        if by == "validation_loss" and len(kinds) > 1:
            raise HilumError(
                "trials",
                expected="losses of one kind",
                found=f"{len(kinds)} kinds: {', '.join(f'`{name}`' for name in LOSS)} differ",
                fix="Choose by auroc.",
            )
        return min(ended, key=lambda trial: rank_of(trial, by))


def rank_of(trial: TrialResult, by: Criterion) -> float:
    """What trials are sorted by, best first: their validation loss, or their AUROC below zero."""
    value = trial.validation_loss if by == "validation_loss" else trial.auroc
    if value is None or math.isnan(value):
        return math.inf
    return value if by == "validation_loss" else -value


def _kind_of_loss(settings: FinetuneSettings) -> tuple[Any, ...]:
    return tuple(getattr(settings, name) for name in LOSS)
