"""A copy that follows what is trained: the key encoder of MoCo, the teacher of DINO."""

import copy
import math
from typing import TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def ema_copy(trained: Module) -> Module:
    """A copy that starts with the same weights and gets no gradients."""
    return copy.deepcopy(trained).requires_grad_(False)


@torch.no_grad()
def ema_update(copied: nn.Module, trained: nn.Module, momentum: float) -> None:
    """Move a copy's weights towards the trained ones: w' = m w' + (1 - m) w (He et al. 2020, MoCo, eq. 2).

    Batch-norm statistics are not moved: the copy's own batches keep them.

    Args:
        copied: changed in place.
        trained: of the same architecture.
        momentum: 0 (takes them over) to 1 (stays).
    """
    for old, new in zip(copied.parameters(), trained.parameters(), strict=True):
        old.lerp_(new, 1 - momentum)


def cosine_schedule(start: float, end: float, share: float) -> float:
    """From `start` to `end` along half a cosine, such as DINO's momentum from 0.996 to 1 (Caron et al. 2021, §3.1).

    Args:
        start: where `share` is 0 or less.
        end: where `share` is 1 or more.
        share: of the way.
    """
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(max(share, 0.0), 1.0)))


def linear_schedule(start: float, end: float, share: float) -> float:
    """From `start` to `end` along a line, such as the temperature of DINO's teacher from 0.04 to 0.07."""
    return start + (end - start) * min(max(share, 0.0), 1.0)
