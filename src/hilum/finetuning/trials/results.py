"""Results of trials, and selection of the best."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.errors import HilumError
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.trials.members import TrialStatus

SCORES = "validation_scores.npy"
LOSS = ("output_type", "class_weights", "max_class_weight", "focal", "label_smoothing", "reduction", "resample")
"""Settings that define the loss."""
Criterion = Literal["validation_loss", "auroc"]


@dataclass(frozen=True)
class TrialResult:
    """Result of one trial.

    Attributes:
        trial: Number of the trial, from 0.
        settings: Settings of the trial.
        status: Final state.
        epochs: Completed epochs.
        best_epoch: Selected epoch (lowest validation loss, or by `keep`), from 1; 0 without validation.
        validation_loss: Validation loss of the selected epoch; for a pruned trial without validation that of its pause;
            otherwise None.
        auroc: Macro AUROC on the validation images with these weights, over findings with positives and negatives; None
            without a completed epoch.
        ended_at: (epoch, step) of a non-finite loss, counted from 1; step 0 for the validation of an epoch. None
            otherwise.
        steps: Completed optimiser steps.
        seconds: Training time.
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
    """Results of all trials.

    Attributes:
        trials: Results in the given order.
        curves: One row for each epoch of each trial: trial, epoch (from 1), step, train_loss, val_loss, lr.
        directory: Directory of trials.json, curves.parquet, and validation_scores.npy: probabilities (trials, N,
            findings) of the validation images with the selected weights of each trial.
    """

    trials: list[TrialResult]
    curves: pl.DataFrame
    directory: Path

    def scores(self) -> NDArray[np.float32]:
        """Read probabilities of the validation images, (trials, N, findings); NaN for trials without an epoch."""
        scores: NDArray[np.float32] = np.load(self.directory / SCORES, mmap_mode="r")
        return scores

    def best(self, by: Criterion = "validation_loss") -> TrialResult:
        """Return the trial with the lowest validation loss, or the highest AUROC; the first of ties.

        Diverged trials have no model and pruned trials are not fully trained; both are excluded.

        Args:
            by: Criterion; validation losses are comparable only with equal loss settings (`LOSS`).

        Raises:
            HilumError: All trials diverged; or losses are not comparable.
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
    """Return the sort key of a trial, lower is better: validation loss, or negative AUROC."""
    value = trial.validation_loss if by == "validation_loss" else trial.auroc
    if value is None or math.isnan(value):
        return math.inf
    return value if by == "validation_loss" else -value


def _kind_of_loss(settings: FinetuneSettings) -> tuple[Any, ...]:
    return tuple(getattr(settings, name) for name in LOSS)
