"""How a head answers for the findings: what its outputs mean, what they cost, and what they say of an image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from hilum.data.labelled_images import LabelledImages
from hilum.finetuning.losses import (
    class_frequencies_of,
    clip_weights,
    inverse_frequencies_of,
    masked_bce,
    masked_u_multiclass,
    multiclass_cross_entropy,
    negatives_per_positive_of,
)
from hilum.finetuning.settings import ClassWeights, FinetuneSettings, OutputTypeName

_LANES = 64
"""A multiple of what torch's CPU kernels take at once; what is left over goes through code that rounds otherwise."""


class OutputType(Protocol):
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

    def terms(self, targets: Tensor, weights: Tensor) -> Tensor:
        """What the sum of the loss of these targets is divided by, a scalar: its terms, or the sum of their weights."""

    def class_weights(
        self, targets: NDArray[np.float32], rule: ClassWeights, *, most: float | None
    ) -> NDArray[np.float32]:
        """Weights of the loss, (F).

        Args:
            targets: of the training images, (N, F).
            rule: see `hilum.finetuning.settings.FinetuneSettings.class_weights`.
            most: they are clipped to 1 / `most` to `most`; None: as they are.
        """

    def chance_loss(self, targets: NDArray[np.float32], weights: NDArray[np.float32]) -> float:
        """Mean loss of the best constant scores: what a head reaches without looking at any image.

        Args:
            targets: of the training images, (N, F), at least one known.
            weights: of the loss, (F).
        """


@dataclass(frozen=True)
class Multilabel:
    """Every finding is there or not, whatever the others are: a sigmoid each.

    Attributes:
        focal, label_smoothing: of the loss, see `hilum.finetuning.losses.masked_bce`.
    """

    focal: float | None = None
    label_smoothing: float = 0.0
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
        return masked_bce(outputs, targets, weights, focal=self.focal, label_smoothing=self.label_smoothing)

    def terms(self, targets: Tensor, weights: Tensor) -> Tensor:  # noqa: ARG002
        """Known labels."""
        return (~targets.isnan()).sum()

    def class_weights(
        self, targets: NDArray[np.float32], rule: ClassWeights, *, most: float | None
    ) -> NDArray[np.float32]:
        """Of the positives; "balanced" is negatives per positive."""
        if rule == "none":
            return np.ones(targets.shape[1], np.float32)
        of = inverse_frequencies_of if rule == "inverse_frequency" else negatives_per_positive_of
        return clip_weights(of(targets), most)

    def chance_loss(self, targets: NDArray[np.float32], weights: NDArray[np.float32]) -> float:
        """With the weighted share of positives, and of uncertain ones, as the score of each finding."""
        if self.focal is not None or self.label_smoothing:
            each = (slice(finding, finding + 1) for finding in range(targets.shape[1]))
            totals = [_least_total(self, targets[:, one], weights[one]) for one in each]
            return sum(totals) / int((~np.isnan(targets)).sum())
        counts = np.stack([(targets == label).sum(0) * (weights if label == 1 else 1.0) for label in (0, 1, 2)])
        return _entropy(counts) / int((~np.isnan(targets)).sum())


@dataclass(frozen=True)
class UncertainAsClass(Multilabel):
    """As `Multilabel`, with uncertain as a third class of every finding.

    The logit is that of positive against negative alone, which is how CheXpert scores it (Irvin et al., AAAI 2019,
    §3.1).
    """

    outputs_a_finding: int = 3

    def logits(self, outputs: Tensor) -> Tensor:
        """Positive less negative."""
        classes = _by_class(outputs)
        return classes[..., 1] - classes[..., 0]

    def loss(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """`masked_u_multiclass`."""
        return masked_u_multiclass(
            _by_class(outputs), targets, weights, focal=self.focal, label_smoothing=self.label_smoothing
        )


@dataclass(frozen=True)
class Multiclass:
    """Every image has exactly one of the findings, the task of Elwirehardja et al. 2025: a softmax over them.

    Attributes:
        focal, label_smoothing: of the loss, see `hilum.finetuning.losses.multiclass_cross_entropy`.
        weighted_mean: divide by the weights of the images' classes, as `torch.nn.CrossEntropyLoss` does, instead of by
            the images.
    """

    focal: float | None = None
    label_smoothing: float = 0.0
    weighted_mean: bool = False
    outputs_a_finding: int = 1

    def logits(self, outputs: Tensor) -> Tensor:
        """The outputs."""
        return outputs

    def probabilities(self, logits: Tensor) -> Tensor:
        """Softmax; they add up to 1."""
        return logits.softmax(dim=1)

    def loss(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """`multiclass_cross_entropy`, with what it is divided by."""
        total, _ = multiclass_cross_entropy(
            outputs, targets, weights, focal=self.focal, label_smoothing=self.label_smoothing
        )
        return total, self.terms(targets, weights)

    def terms(self, targets: Tensor, weights: Tensor) -> Tensor:
        """Images whose class is known, or the weights of their classes together."""
        known = targets == 1
        if self.weighted_mean:
            return (known * weights).sum()
        return known.any(1).sum().to(targets.dtype)

    def class_weights(
        self, targets: NDArray[np.float32], rule: ClassWeights, *, most: float | None
    ) -> NDArray[np.float32]:
        """Of the classes; "balanced" is by the frequency of classes."""
        if rule == "none":
            return np.ones(targets.shape[1], np.float32)
        of = inverse_frequencies_of if rule == "inverse_frequency" else class_frequencies_of
        return clip_weights(of(targets), most)

    def chance_loss(self, targets: NDArray[np.float32], weights: NDArray[np.float32]) -> float:
        """With the weighted share of each class as its score."""
        counts = (targets == 1).sum(0)
        whole = float((counts * weights).sum()) if self.weighted_mean else int(counts.sum())
        if self.focal is not None or self.label_smoothing:
            return _least_total(self, targets, weights) / whole
        return _entropy((counts * weights)[:, None]) / whole


def make_output_type(
    name: OutputTypeName,
    *,
    focal: float | None = None,
    label_smoothing: float = 0.0,
    weighted_mean: bool = False,
) -> OutputType:
    """The answers of this name.

    Args:
        name: "multilabel": `Multilabel`; "multilabel_u_multiclass": `UncertainAsClass`; "multiclass": `Multiclass`.
        focal, label_smoothing: of the loss.
        weighted_mean: of `Multiclass` alone.
    """
    if name == "multilabel":
        return Multilabel(focal, label_smoothing)
    if name == "multilabel_u_multiclass":
        return UncertainAsClass(focal, label_smoothing)
    return Multiclass(focal, label_smoothing, weighted_mean)


def class_balance(
    findings: Sequence[str], train: LabelledImages, settings: FinetuneSettings, seed: int
) -> dict[str, dict[str, float]]:
    """What the loss makes of common and rare findings, before anything trains.

    Args:
        findings: of the targets.
        train: training images, each once.
        settings: of the run.
        seed: of the run, for the images of common classes that resampling keeps.

    Returns:
        By finding: `images` that are positive, `weight` of the loss without resampling and bounds, `resampled` positive
        images of an epoch, and `loss_weight`, of the resampled images within `max_class_weight`.
    """
    output_type = make_output_type(settings.output_type)
    visits = train if settings.resample is None else train.resampled(settings.resample, seed)
    before, after = (
        output_type.class_weights(images.targets, settings.class_weights, most=most)
        for images, most in ((train, None), (visits, settings.max_class_weight))
    )
    return {
        finding: {
            "images": int((train.targets[:, place] == 1).sum()),
            "weight": float(before[place]),
            "resampled": int((visits.targets[:, place] == 1).sum()),
            "loss_weight": float(after[place]),
        }
        for place, finding in enumerate(findings)
    }


def _least_total(output_type: OutputType, targets: NDArray[np.float32], weights: NDArray[np.float32]) -> float:
    """The least sum of the loss that constant outputs can have, searched; for losses without a closed form."""
    rows, numbers = np.unique(targets[(targets >= 0).any(1)], axis=0, return_counts=True)
    known, often, weighing = torch.from_numpy(rows), torch.from_numpy(numbers).float(), torch.from_numpy(weights)
    outputs = torch.zeros(targets.shape[1] * output_type.outputs_a_finding, requires_grad=True)
    search = torch.optim.LBFGS([outputs], max_iter=200, line_search_fn="strong_wolfe")

    def total() -> Tensor:
        search.zero_grad()
        each = torch.stack([output_type.loss(outputs[None], row[None], weighing)[0] for row in known])
        loss = (each * often).sum() / often.sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    search.step(total)  # type: ignore[no-untyped-call]
    return total().item() * float(often.sum())


def _entropy(counts: NDArray[np.floating]) -> float:
    """Cross-entropy, summed, of cases that are all given their classes' shares; of cases by class, (classes, F)."""
    shares = counts / np.maximum(counts.sum(0), np.finfo(np.float32).tiny)
    return float(-(counts * np.log(np.where(counts > 0, shares, 1.0))).sum())


def _by_class(outputs: Tensor) -> Tensor:
    """(B, F x 3) to (B, F, 3): negative, positive, uncertain."""
    return outputs.reshape(len(outputs), -1, 3)
