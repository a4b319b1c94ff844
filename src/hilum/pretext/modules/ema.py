"""EMA copies (the momentum encoder of MoCo, the teacher of DINO), and cosine and linear schedules."""

import copy
import math
from typing import TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def ema_copy(trained: Module) -> Module:
    """Copy a module without gradients, as the start of an EMA copy."""
    return copy.deepcopy(trained).requires_grad_(False)


@torch.no_grad()
def ema_update(copied: nn.Module, trained: nn.Module, momentum: float) -> None:
    """Update the weights of an EMA copy: w' = m w' + (1 - m) w (He et al. 2020, MoCo, eq. 2).

    Batch-norm statistics are not averaged: the copy tracks those of its own batches.

    Args:
        copied: EMA copy, changed in place.
        trained: Trained module of the same architecture.
        momentum: EMA momentum m, from 0 (copy the weights) to 1 (no change).
    """
    for old, new in zip(copied.parameters(), trained.parameters(), strict=True):
        old.lerp_(new, 1 - momentum)


def cosine_schedule(start: float, end: float, progress: float) -> float:
    """Interpolate along half a cosine, such as DINO's EMA momentum from 0.996 to 1 (Caron et al. 2021, §3.1).

    Args:
        start: Value at `progress` 0 and below.
        end: Value at `progress` 1 and above.
        progress: Fraction of the schedule.
    """
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))


def linear_schedule(start: float, end: float, progress: float) -> float:
    """Interpolate linearly, such as the warm-up of DINO's teacher temperature from 0.04 to 0.07."""
    return start + (end - start) * min(max(progress, 0.0), 1.0)
