"""How a head answers for the findings: what its outputs mean, what they cost, and what they say of an image."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from hilum.data.balance import class_weights
from hilum.finetuning.losses import (
    balancing_weights,
    exclusive_cross_entropy,
    masked_bce,
    masked_three_class,
)
from hilum.finetuning.settings import AnswerName

_LANES = 64
"""A multiple of what torch's CPU kernels take at once; what is left over goes through code that rounds otherwise."""


class Answers(Protocol):
    """How a head answers for F findings."""

    @property
    def outputs_a_finding(self) -> int:
        """Outputs that the head has for each finding."""

    def logits(self, outputs: Tensor) -> Tensor:
        """(B, F) of the head's outputs, (B, F x outputs a finding); higher is surer of the finding."""

    def probabilities(self, logits: Tensor) -> Tensor:
        """(B, F) in [0, 1]."""

    def loss(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Sum of the loss, and how many terms it has; both scalars."""

    def terms(self, targets: Tensor) -> Tensor:
        """How many terms the loss of these targets has, a scalar."""

    def balanced(self, targets: NDArray[np.float32], *, limit: float) -> NDArray[np.float32]:
        """Weights, (F), under which rare findings count as much as common ones."""

    def chance_loss(self, targets: NDArray[np.float32], weights: NDArray[np.float32]) -> float:
        """Mean loss of the best constant scores: what a head reaches without looking at any image.

        Args:
            targets: of the training images, (N, F), at least one known.
            weights: of the loss, (F).
        """


@dataclass(frozen=True)
class Each:
    """Every finding is there or not, whatever the others are: a sigmoid each."""

    outputs_a_finding: int = 1

    def logits(self, outputs: Tensor) -> Tensor:
        """The outputs."""
        return outputs

    def probabilities(self, logits: Tensor) -> Tensor:
        """Sigmoids, whose last bit does not depend on where an image stands among the others."""
        missing = -logits.numel() % _LANES
        return F.pad(logits.flatten(), (0, missing)).sigmoid()[: logits.numel()].view_as(logits)

    def loss(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """`masked_bce`."""
        return masked_bce(outputs, targets, weights)

    def terms(self, targets: Tensor) -> Tensor:
        """Known labels."""
        return (~targets.isnan()).sum()

    def balanced(self, targets: NDArray[np.float32], *, limit: float) -> NDArray[np.float32]:
        """`balancing_weights`."""
        return balancing_weights(targets, limit=limit)

    def chance_loss(self, targets: NDArray[np.float32], weights: NDArray[np.float32]) -> float:
        """With the weighted share of positives, and of uncertain ones, as the score of each finding."""
        counts = np.stack([(targets == answer).sum(0) * (weights if answer == 1 else 1.0) for answer in (0, 1, 2)])
        return _entropy(counts) / int((~np.isnan(targets)).sum())


@dataclass(frozen=True)
class EachOrUncertain(Each):
    """As `Each`, with uncertain as a third class of every finding.

    The logit is that of positive against negative alone, which is how CheXpert scores it (Irvin et al., AAAI 2019,
    §3.1).
    """

    outputs_a_finding: int = 3

    def logits(self, outputs: Tensor) -> Tensor:
        """Positive less negative."""
        classes = _by_class(outputs)
        return classes[..., 1] - classes[..., 0]

    def loss(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """`masked_three_class`."""
        return masked_three_class(_by_class(outputs), targets, weights)


@dataclass(frozen=True)
class Exclusive:
    """Every image has exactly one of the findings, the task of Elwirehardja et al. 2025: a softmax over them."""

    outputs_a_finding: int = 1

    def logits(self, outputs: Tensor) -> Tensor:
        """The outputs."""
        return outputs

    def probabilities(self, logits: Tensor) -> Tensor:
        """Softmax; they add up to 1."""
        return logits.softmax(dim=1)

    def loss(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """`exclusive_cross_entropy`."""
        return exclusive_cross_entropy(outputs, targets, weights)

    def terms(self, targets: Tensor) -> Tensor:
        """Images."""
        return targets.new_tensor(len(targets))

    def balanced(self, targets: NDArray[np.float32], *, limit: float) -> NDArray[np.float32]:
        """`hilum.data.balance.class_weights`, within 1 / `limit` to `limit`."""
        images = {str(place): int(number) for place, number in enumerate(targets.sum(0))}
        weights = np.array([*class_weights(images).values()], dtype=np.float32)
        return np.clip(weights, np.float32(1 / limit), np.float32(limit))

    def chance_loss(self, targets: NDArray[np.float32], weights: NDArray[np.float32]) -> float:
        """With the weighted share of each class as its score."""
        return _entropy((targets.sum(0) * weights)[:, None]) / len(targets)


def make_answers(name: AnswerName) -> Answers:
    """The answers of this name.

    Args:
        name: "each": `Each`; "each_or_uncertain": `EachOrUncertain`; "exclusive": `Exclusive`.
    """
    if name == "each":
        return Each()
    return EachOrUncertain() if name == "each_or_uncertain" else Exclusive()


def _entropy(counts: NDArray[np.floating]) -> float:
    """Cross-entropy, summed, of cases that are all given their classes' shares; of cases by class, (classes, F)."""
    shares = counts / np.maximum(counts.sum(0), np.finfo(np.float32).tiny)
    return float(-(counts * np.log(np.where(counts > 0, shares, 1.0))).sum())


def _by_class(outputs: Tensor) -> Tensor:
    """(B, F x 3) to (B, F, 3): negative, positive, uncertain."""
    return outputs.reshape(len(outputs), -1, 3)
