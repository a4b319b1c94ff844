"""Signs that a network had not finished learning, as data: codes with the numbers that they rest on.

A comparison of networks that were not trained says nothing of what they start from, however narrow its interval. So
every run leaves a record of its signs beside its weights, and whoever reports its scores can say so.
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
"""Of a run: what it still gained there says whether it was over."""
STILL_FALLING = 0.01
"""Relative fall of the validation loss over the last fifth of a run whose best epoch is the last. A cosine schedule has
all but stopped by then."""
NEAR_CHANCE = 0.95
"""Of the loss of constant scores, which every network reaches by its bias alone."""
LEAST_SPREAD = 0.1
"""Standard deviation of logits over images. Scores of a network that was trained for 15 steps lay between 0.488 and
0.505, a spread of 0.02; trained ones spread by 0.5 and more."""


class LearningSign(StrEnum):
    """Signs that a network had not finished learning.

    Attributes:
        BEST_EPOCH_IS_LAST: the validation loss was lowest in the last epoch and was still falling.
        LOSS_NEAR_CHANCE: the training loss ended near that of constant scores.
        SCORES_DO_NOT_SPREAD: all images got nearly the same score of every finding.
        WORSE_THAN_LINEAR_PROBE: a linear probe of the features that it started from scores higher, beyond chance.
    """

    BEST_EPOCH_IS_LAST = "best_epoch_is_last"
    LOSS_NEAR_CHANCE = "loss_near_chance"
    SCORES_DO_NOT_SPREAD = "scores_do_not_spread"
    WORSE_THAN_LINEAR_PROBE = "worse_than_linear_probe"


@dataclass(frozen=True)
class Learning:
    """How far a run came.

    Attributes:
        best_epoch: of the lowest validation loss, from 1.
        epochs: that the run took.
        steps: optimiser steps that it took.
        planned_epochs: of its settings; fewer were taken where it stopped early.
        late_fall: relative fall of the lowest validation loss over the last fifth of the run, 0 or more.
        train_loss: mean of the last fifth of the run.
        chance_loss: the training loss of the best constant scores.
        logit_spread: largest standard deviation over the scored images, of all findings.
        signs: of `LearningSign`, what these numbers come to.
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
    """How far a run came.

    Args:
        curves: of the run: `epoch`, `step`, `train_loss`, and `val_loss` where it was validated.
        logits: of the images that it scored, (N, findings).
        planned_epochs: of its settings.
        chance_loss: the training loss of the best constant scores.
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
        HilumError: it is missing.
    """
    try:
        content = json.loads((directory / LEARNING).read_text(encoding="utf-8"))
    except FileNotFoundError:
        fix = "Run the step that makes it again."
        raise HilumError(directory / LEARNING, expected="a record", found="no such file", fix=fix) from None
    return Learning(**content | {"signs": [LearningSign(sign) for sign in content["signs"]]})
