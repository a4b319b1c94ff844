"""Summary of the hyper-parameter search of one arm, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl


@dataclass(frozen=True)
class SweepSummary:
    """Trials of one arm and the selected one.

    Args:
        arm: Name of the arm.
        search: "grid", "random", "tpe" or "halving".
        select: Selection metric, "val_loss" or "val_auroc".
        selected: Number of the selected trial.
        trials: One row per trial: `trial, state` ("complete", "pruned", "diverged"), `val_loss, val_auroc, epochs,
            steps, seconds`.
        settings: Settings of each trial by name, in the order of `trials`.
        best_per: Settings whose best trial per value is listed.
        best: Best trial of each value: `trial, state, val_loss, val_auroc, settings`.
        importance: Fraction of the variance between trials explained by each setting; empty where unknown.
        val_images, val_patients: Number of validation images and patients that selected the trial.
        train_images: Number of training images.
        seed: Random seed of all trials.
    """

    arm: str
    search: str
    select: str
    selected: int
    trials: pl.DataFrame
    settings: Sequence[Mapping[str, Any]]
    best_per: Sequence[str]
    best: Sequence[Mapping[str, Any]]
    importance: Mapping[str, float]
    val_images: int
    val_patients: int
    train_images: int
    seed: int

    @property
    def varied(self) -> list[str]:
        """Settings with more than one value, in the order of the study file."""
        names = dict.fromkeys(name for sample in self.settings for name in sample)
        return [name for name in names if len({repr(sample.get(name)) for sample in self.settings}) > 1]

    def count(self, state: str) -> int:
        """Count the trials that ended in a state."""
        return int((self.trials["state"] == state).sum())
