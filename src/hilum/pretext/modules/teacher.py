"""How a teacher changes over a run, and signs that it has come to say nothing."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hilum.errors import TrainingFailedError
from hilum.pretext.losses import teacher_entropy
from hilum.pretext.modules.ema import cosine_schedule, linear_schedule
from hilum.training.distributed import all_reduce_mean

MOST_ENTROPY = 0.99
"""Of log K. A teacher's answers above this are nearly the same to every prototype: nothing is left to learn from."""
MOST_ASSIGNMENT_ENTROPY = 0.999
"""The same of SwAV's assignments, which come to 0.98 in runs whose features still get better at telling images
apart.
"""
LEAST_USE = 0.02
"""Of log K. The mean answer below this is one prototype for all images: the other way to say nothing."""


@dataclass(frozen=True)
class TeacherSchedule:
    """The teacher's temperature and momentum at each step.

    Args:
        first_temperature: τ_t at the start; 0.04 in DINO.
        last_temperature: from `warmup_steps` on; 0.07 in DINO. Above it the answers become even, and all is lost.
        warmup_steps: 30 of DINO's 300 epochs.
        first_momentum: λ at the start, rising along a cosine to 1 at the end of the run; 0.996 in DINO's runs of
            100,000 steps and more. In a run of a thousand steps such a teacher hardly moves.
        total_steps: of the run.
    """

    first_temperature: float
    last_temperature: float
    warmup_steps: int
    first_momentum: float
    total_steps: int

    def temperature(self, step: int) -> float:
        """After `step` steps."""
        share = step / self.warmup_steps if self.warmup_steps else 1.0
        return linear_schedule(self.first_temperature, self.last_temperature, share)

    def momentum(self, step: int) -> float:
        """After `step` steps."""
        return cosine_schedule(self.first_momentum, 1.0, step / self.total_steps)


class TeacherMonitor(nn.Module):
    """Sums up a teacher's answers over an epoch; part of the state, so that a resumed epoch is summed up whole.

    Args:
        prototypes: K, at least 2.
        of: whose answers, for names and messages.
        most_entropy: of log K; above it a run is stopped.
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
        """Add the answers to a batch; of several processes, to as many rows in each.

        Args:
            probabilities: (N, K), rows summing to 1.
            loss: mean cross-entropy of the student's answers against these, each as often, a scalar.
            soft: (M, K), what prototypes are used for; None: these answers. Those of Sinkhorn-Knopp use all prototypes
                alike whatever the features say.
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
        """Sum up the epoch and start anew.

        Args:
            epoch: just finished, from 0. The first is not judged.
            advice: what to change when the teacher says nothing.

        Returns:
            `teacher_entropy`: mean entropy of its answers, as a share of log K; `prototype_use`: entropy of its mean
            answer, as a share of log K, 1 where all prototypes are used alike; `divergence`: mean Kullback-Leibler
            divergence of the student's answers from them, in nats.

        Raises:
            HilumError: from the second epoch on, its answers are all even, or all the same prototype.
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
            found = f"answers that are even over all prototypes (entropy {entropy:.3f} of the most)"
        elif not signs["prototype_use"] >= LEAST_USE:
            found = f"one prototype for all images (use {signs['prototype_use']:.3f} of the most)"
        if epoch >= 1 and found:
            raise TrainingFailedError(
                "collapsed",
                f"pretraining, epoch {epoch + 1}",
                expected=f"{self.of}s that distinguish images",
                found=found,
                fix=advice,
            )
        return signs
