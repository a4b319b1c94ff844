"""EMA copies (the momentum encoder of MoCo, the teacher of DINO), schedules, and detection of a teacher's collapse."""

import copy
import math
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from hilum.errors import TrainingFailedError
from hilum.pretext.losses import teacher_entropy
from hilum.training.distributed import all_reduce_mean

Module = TypeVar("Module", bound=nn.Module)
MOST_ENTROPY = 0.99
"""Fraction of log K; teacher outputs of higher entropy are nearly uniform over prototypes (collapse)."""
MOST_ASSIGNMENT_ENTROPY = 0.999
"""The same limit for SwAV's assignments, which reach 0.98 in runs whose features still improve."""
LEAST_USE = 0.02
"""Fraction of log K; if the mean output has lower entropy, one prototype is used for all images (collapse)."""


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


@dataclass(frozen=True)
class TeacherSchedule:
    """Teacher temperature and EMA momentum at each step.

    Args:
        first_temperature: τ_t at the start; 0.04 in DINO.
        last_temperature: τ_t from `warmup_steps` on; 0.07 in DINO. Higher values make the outputs uniform.
        warmup_steps: Steps of the linear warm-up; 30 of DINO's 300 epochs.
        first_momentum: λ at the start, with a cosine schedule to 1 at the end; 0.996 in DINO's runs of 100,000 steps
            and more. In a run of 1,000 steps such a teacher hardly changes.
        total_steps: Optimiser steps of the run.
    """

    first_temperature: float
    last_temperature: float
    warmup_steps: int
    first_momentum: float
    total_steps: int

    def temperature(self, step: int) -> float:
        """Return the temperature after `step` steps."""
        progress = step / self.warmup_steps if self.warmup_steps else 1.0
        return linear_schedule(self.first_temperature, self.last_temperature, progress)

    def momentum(self, step: int) -> float:
        """Return the EMA momentum after `step` steps."""
        return cosine_schedule(self.first_momentum, 1.0, step / self.total_steps)


class TeacherMonitor(nn.Module):
    """Entropy and prototype use of a teacher's outputs over an epoch; part of the checkpoint.

    Args:
        prototypes: Number of prototypes K, at least 2.
        of: Name in metrics and messages, "teacher" or "assignment".
        most_entropy: Highest mean entropy as a fraction of log K; above it, the run is stopped.
    """

    def __init__(self, prototypes: int, of: str = "teacher", most_entropy: float = MOST_ENTROPY) -> None:
        super().__init__()
        self.of, self.most_entropy = of, most_entropy
        self.entropy: Tensor
        self.answers: Tensor
        self.batches: Tensor
        self.register_buffer("entropy", torch.zeros((), dtype=torch.float64))
        self.divergence: Tensor
        self.register_buffer("divergence", torch.zeros((), dtype=torch.float64))
        self.register_buffer("answers", torch.zeros(prototypes, dtype=torch.float64))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, probabilities: Tensor, loss: Tensor, *, soft: Tensor | None = None) -> None:
        """Add the outputs of a batch; all processes must have the same number of rows.

        Args:
            probabilities: Teacher probabilities, (N, K), rows sum to 1.
            loss: Mean cross-entropy of the student's outputs with these, a scalar.
            soft: Probabilities for the use of prototypes, (M, K); None: `probabilities`. Sinkhorn-Knopp assignments use
                all prototypes equally, whatever the features.
        """
        entropy = teacher_entropy(probabilities).double()
        used = (probabilities if soft is None else soft).double().mean(0)
        of_all = all_reduce_mean(torch.cat([torch.stack([entropy, loss.double() - entropy]), used]))
        self.entropy.add_(of_all[0])
        self.divergence.add_(of_all[1])
        self.answers.add_(of_all[2:])
        self.batches.add_(1)

    @torch.no_grad()
    def compute(self, epoch: int, advice: str) -> dict[str, float]:
        """Compute the metrics of the epoch, and reset.

        Args:
            epoch: Finished epoch, from 0. The first is not checked.
            advice: What to change after a collapse.

        Returns:
            `teacher_entropy`: mean entropy of the outputs as a fraction of log K; `prototype_use`: entropy of the mean
            output as a fraction of log K, 1 if all prototypes are used equally; `divergence`: mean Kullback-Leibler
            divergence of student from teacher, in nats.

        Raises:
            HilumError: From the second epoch on, the outputs are uniform, or one prototype is used for all images.
        """
        if not int(self.batches):
            return {}
        most = math.log(len(self.answers))
        mean = self.answers / self.batches
        signs = {
            f"{self.of}_entropy": float(self.entropy / self.batches) / most,
            "prototype_use": float(teacher_entropy(mean[None])) / most,
            "divergence": float(self.divergence / self.batches),
        }
        self.entropy.zero_()
        self.divergence.zero_()
        self.answers.zero_()
        self.batches.zero_()
        found = ""
        entropy = signs[f"{self.of}_entropy"]
        if not entropy <= self.most_entropy:
            found = f"uniform outputs over all prototypes (entropy {entropy:.3f} of the maximum)"
        elif not signs["prototype_use"] >= LEAST_USE:
            found = f"one prototype for all images (use {signs['prototype_use']:.3f} of the maximum)"
        if epoch >= 1 and found:
            raise TrainingFailedError(
                "collapsed",
                f"pretraining, epoch {epoch + 1}",
                expected=f"{self.of}s that distinguish images",
                found=found,
                fix=advice,
            )
        return signs
