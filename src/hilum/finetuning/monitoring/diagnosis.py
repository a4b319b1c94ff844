"""Signs of unfinished training, as codes with the numbers they are based on.

A comparison of networks that are not fully trained is not a comparison of their initial weights, however narrow its
interval. Every run therefore writes a record of these signs beside its weights, for the report.
"""

import json
import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.artifacts import write_json
from hilum.errors import HilumError

LEARNING = "learning.json"

LAST_SHARE = 0.2
"""Last fraction of a run, in which the fall of the loss is measured."""
STILL_FALLING = 0.01
"""Relative fall of the validation loss over the last fifth of a run whose best epoch is the last. A cosine schedule has
almost ended by then."""
NEAR_CHANCE = 0.95
"""Fraction of the loss of constant scores, which a network reaches by its bias alone."""
LEAST_SPREAD = 0.1
"""Standard deviation of logits over images. Scores after 15 training steps were between 0.488 and 0.505, a standard
deviation of 0.02; trained networks have 0.5 and more."""


class LearningSign(StrEnum):
    """Signs of unfinished training.

    Attributes:
        BEST_EPOCH_IS_LAST: The validation loss was lowest in the last epoch and still falling.
        LOSS_NEAR_CHANCE: The final training loss is near that of constant scores.
        SCORES_DO_NOT_SPREAD: All images have nearly the same score for every finding.
        WORSE_THAN_LINEAR_PROBE: A linear probe of the initial features is significantly better.
    """

    BEST_EPOCH_IS_LAST = "best_epoch_is_last"
    LOSS_NEAR_CHANCE = "loss_near_chance"
    SCORES_DO_NOT_SPREAD = "scores_do_not_spread"
    WORSE_THAN_LINEAR_PROBE = "worse_than_linear_probe"


@dataclass(frozen=True)
class Learning:
    """Summary of the training progress of a run.

    Attributes:
        best_epoch: Epoch of the lowest validation loss, from 1.
        epochs: Completed epochs.
        steps: Completed optimiser steps.
        planned_epochs: Epochs without early stopping.
        late_fall: Relative fall of the lowest validation loss over the last fifth of the run, 0 or more.
        train_loss: Mean training loss of the last fifth of the run.
        chance_loss: Training loss of the best constant scores.
        logit_spread: Largest standard deviation of logits over the scored images, of all findings.
        signs: Signs of unfinished training.
    """

    best_epoch: int
    epochs: int
    steps: int
    planned_epochs: int
    late_fall: float
    train_loss: float
    chance_loss: float
    logit_spread: float
    signs: list[LearningSign]


def diagnose(curves: pl.DataFrame, logits: NDArray[np.float32], *, planned_epochs: int, chance_loss: float) -> Learning:
    """Summarise the training progress of a run and its signs of unfinished training.

    Args:
        curves: Curves of the run: `epoch`, `step`, `train_loss`, and `val_loss` of validated epochs.
        logits: Logits of the scored images, (N, findings).
        planned_epochs: Epochs without early stopping.
        chance_loss: Training loss of the best constant scores.
    """
    validated = curves.drop_nulls("val_loss")
    best = validated.sort("val_loss", maintain_order=True).row(0, named=True)
    last = int(curves["epoch"][-1])
    late = curves.filter(pl.col("epoch") > (1 - LAST_SHARE) * last)
    earlier = validated.filter(pl.col("epoch") <= (1 - LAST_SHARE) * last)["val_loss"].to_numpy()
    lowest = float(best["val_loss"])
    before = float(earlier.min()) if len(earlier) else math.inf
    fall = 0.0 if not math.isfinite(before) or before <= 0 else max(0.0, 1 - lowest / before)
    train_loss, spread = float(late["train_loss"].to_numpy().mean()), float(logits.std(axis=0).max())
    unfinished = int(best["epoch"]) == last == planned_epochs and fall >= STILL_FALLING
    signs = {
        LearningSign.BEST_EPOCH_IS_LAST: unfinished,
        LearningSign.LOSS_NEAR_CHANCE: train_loss >= NEAR_CHANCE * chance_loss,
        LearningSign.SCORES_DO_NOT_SPREAD: spread < LEAST_SPREAD,
    }
    return Learning(
        best_epoch=int(best["epoch"]),
        epochs=last,
        steps=int(curves["step"][-1]),
        planned_epochs=planned_epochs,
        late_fall=fall,
        train_loss=train_loss,
        chance_loss=chance_loss,
        logit_spread=spread,
        signs=[sign for sign, found in signs.items() if found],
    )


def write_learning(learning: Learning, directory: Path) -> None:
    """Write `learning.json`."""
    write_json(directory / LEARNING, asdict(learning))


def read_learning(directory: Path) -> Learning:
    """Read `learning.json`.

    Raises:
        HilumError: It is missing.
    """
    try:
        content = json.loads((directory / LEARNING).read_text(encoding="utf-8"))
    except FileNotFoundError:
        fix = "Run the step that writes it again."
        raise HilumError(directory / LEARNING, expected="a record", found="no such file", fix=fix) from None
    return Learning(**content | {"signs": [LearningSign(sign) for sign in content["signs"]]})
