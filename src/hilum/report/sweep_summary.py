"""What a report says of the sweep of one arm: plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl


@dataclass(frozen=True)
class SweepSummary:
    """The trials of one arm, and which of them was chosen.

    Args:
        arm: its name.
        search: "grid", "random", "tpe" or "halving".
        select: "val_loss" or "val_auroc".
        selected: number of the trial that was chosen.
        trials: a row each: `trial, state` ("complete", "pruned", "diverged"), `val_loss, val_auroc, epochs, steps,
            seconds`.
        settings: of each trial, in the order of `trials`: what was tried by name.
        best_per: settings of which the best trial of each value is asked for.
        best: of each value `trial, state, val_loss, val_auroc, settings`.
        importance: by setting, the share of the variance between trials that it explains; empty where unknown.
        val_images, val_patients: that chose; nothing else did.
        train_images: of the seed that was swept.
        seed: of all trials.
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
        """Settings that have more than one value, in the order in which they were named."""
        names = dict.fromkeys(name for sample in self.settings for name in sample)
        return [name for name in names if len({repr(sample.get(name)) for sample in self.settings}) > 1]

    def count(self, state: str) -> int:
        """Trials that ended so."""
        return int((self.trials["state"] == state).sum())
