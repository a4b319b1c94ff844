"""Output types of classifiers: multilabel, multilabel with uncertain as a class, multiclass; logits and losses."""

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
"""Multiple of the vector width of torch's CPU kernels; a remainder would be rounded differently."""


class OutputType(Protocol):
    """Interface of output types for F findings."""

    @property
    def outputs_a_finding(self) -> int:
        """Outputs of the head for each finding."""

    def logits(self, outputs: Tensor) -> Tensor:
        """Compute logits (B, F) of the head's outputs, (B, F x outputs a finding); higher is more positive."""

    def probabilities(self, logits: Tensor) -> Tensor:
        """Compute probabilities of logits, (B, F) in [0, 1]."""

    def loss(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the sum of the loss and its number of terms; both scalars."""

    def terms(self, targets: Tensor, weights: Tensor) -> Tensor:
        """Compute the divisor of the loss of these targets, a scalar: number of terms, or sum of their weights."""

    def class_weights(
        self, targets: NDArray[np.float32], rule: ClassWeights, *, most: float | None
    ) -> NDArray[np.float32]:
        """Compute class weights of the loss, (F).

        Args:
            targets: Targets of the training images, (N, F).
            rule: See `hilum.finetuning.settings.FinetuneSettings.class_weights`.
            most: Weights are clipped to 1 / `most` to `most`; None for no clipping.
        """

    def chance_loss(self, targets: NDArray[np.float32], weights: NDArray[np.float32]) -> float:
        """Compute the mean loss of the best constant scores, the loss of a model without any image information.

        Args:
            targets: Targets of the training images, (N, F), at least one known.
            weights: Class weights, (F).
        """


@dataclass(frozen=True)
class Multilabel:
    """Independent findings with a sigmoid each.

    Attributes:
        focal, label_smoothing: See `hilum.finetuning.losses.masked_bce`.
    """

    focal: float | None = None
    label_smoothing: float = 0.0
    outputs_a_finding: int = 1

    def logits(self, outputs: Tensor) -> Tensor:
        """Return the outputs."""
        return outputs

    def probabilities(self, logits: Tensor) -> Tensor:
        """Compute sigmoids; the last bit is independent of the position of an image in the batch."""
        missing = -logits.numel() % _LANES
        return F.pad(logits.flatten(), (0, missing)).sigmoid()[: logits.numel()].view_as(logits)

    def loss(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Compute `masked_bce`."""
        return masked_bce(outputs, targets, weights, focal=self.focal, label_smoothing=self.label_smoothing)

    def terms(self, targets: Tensor, weights: Tensor) -> Tensor:  # noqa: ARG002
        """Count the known labels."""
        return (~targets.isnan()).sum()

    def class_weights(
        self, targets: NDArray[np.float32], rule: ClassWeights, *, most: float | None
    ) -> NDArray[np.float32]:
        """Compute weights of the positives; "balanced" is negatives per positive."""
        if rule == "none":
            return np.ones(targets.shape[1], np.float32)
        of = inverse_frequencies_of if rule == "inverse_frequency" else negatives_per_positive_of
        return clip_weights(of(targets), most)

    def chance_loss(self, targets: NDArray[np.float32], weights: NDArray[np.float32]) -> float:
        """Compute the loss with the weighted fraction of positives (and uncertain labels) as score of each finding."""
        if self.focal is not None or self.label_smoothing:
            each = (slice(finding, finding + 1) for finding in range(targets.shape[1]))
            totals = [_least_total(self, targets[:, one], weights[one]) for one in each]
            return sum(totals) / int((~np.isnan(targets)).sum())
        counts = np.stack([(targets == label).sum(0) * (weights if label == 1 else 1.0) for label in (0, 1, 2)])
        return _entropy(counts) / int((~np.isnan(targets)).sum())


@dataclass(frozen=True)
class UncertainAsClass(Multilabel):
    """`Multilabel` with uncertain as a third class of every finding (U-MultiClass).

    The logit is positive minus negative, as in CheXpert (Irvin et al., AAAI 2019, §3.1).
    """

    outputs_a_finding: int = 3

    def logits(self, outputs: Tensor) -> Tensor:
        """Compute positive minus negative."""
        classes = _by_class(outputs)
        return classes[..., 1] - classes[..., 0]

    def loss(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Compute `masked_u_multiclass`."""
        return masked_u_multiclass(
            _by_class(outputs), targets, weights, focal=self.focal, label_smoothing=self.label_smoothing
        )


@dataclass(frozen=True)
class Multiclass:
    """Exactly one finding an image, with a softmax over findings (the task of Elwirehardja et al. 2025).

    Attributes:
        focal, label_smoothing: See `hilum.finetuning.losses.multiclass_cross_entropy`.
        weighted_mean: Divide by the class weights of the images, as `torch.nn.CrossEntropyLoss`, instead of by the
            number of images.
    """

    focal: float | None = None
    label_smoothing: float = 0.0
    weighted_mean: bool = False
    outputs_a_finding: int = 1

    def logits(self, outputs: Tensor) -> Tensor:
        """Return the outputs."""
        return outputs

    def probabilities(self, logits: Tensor) -> Tensor:
        """Compute the softmax."""
        return logits.softmax(dim=1)

    def loss(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Compute `multiclass_cross_entropy` and its divisor."""
        total, _ = multiclass_cross_entropy(
            outputs, targets, weights, focal=self.focal, label_smoothing=self.label_smoothing
        )
        return total, self.terms(targets, weights)

    def terms(self, targets: Tensor, weights: Tensor) -> Tensor:
        """Count the images of known class, or sum their class weights."""
        known = targets == 1
        if self.weighted_mean:
            return (known * weights).sum()
        return known.any(1).sum().to(targets.dtype)

    def class_weights(
        self, targets: NDArray[np.float32], rule: ClassWeights, *, most: float | None
    ) -> NDArray[np.float32]:
        """Compute weights of the classes; "balanced" is inverse class frequency."""
        if rule == "none":
            return np.ones(targets.shape[1], np.float32)
        of = inverse_frequencies_of if rule == "inverse_frequency" else class_frequencies_of
        return clip_weights(of(targets), most)

    def chance_loss(self, targets: NDArray[np.float32], weights: NDArray[np.float32]) -> float:
        """Compute the loss with the weighted fraction of each class as its score."""
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
    """Make an output type by name.

    Args:
        name: "multilabel": `Multilabel`; "multilabel_u_multiclass": `UncertainAsClass`; "multiclass": `Multiclass`.
        focal, label_smoothing: Settings of the loss.
        weighted_mean: Setting of `Multiclass`.
    """
    if name == "multilabel":
        return Multilabel(focal, label_smoothing)
    if name == "multilabel_u_multiclass":
        return UncertainAsClass(focal, label_smoothing)
    return Multiclass(focal, label_smoothing, weighted_mean)


def class_balance(
    findings: Sequence[str], train: LabelledImages, settings: FinetuneSettings, seed: int
) -> dict[str, dict[str, float]]:
    """Summarise class balance before training: positives, resampling and class weights of each finding.

    Args:
        findings: Columns of the targets.
        train: Training images, each once.
        settings: Settings of the run.
        seed: Random seed of the run, for the resampling of common classes.

    Returns:
        By finding: positive `images`, class `weight` without resampling and clipping, positive `resampled` images of an
        epoch, and `loss_weight`, the weight of the resampled images clipped to `max_class_weight`.
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
    """Minimise the sum of the loss over constant outputs numerically; for losses without a closed form."""
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
    """Compute the summed cross-entropy of predicting class fractions, from counts by class, (classes, F)."""
    shares = counts / np.maximum(counts.sum(0), np.finfo(np.float32).tiny)
    return float(-(counts * np.log(np.where(counts > 0, shares, 1.0))).sum())


def _by_class(outputs: Tensor) -> Tensor:
    """Reshape (B, F x 3) to (B, F, 3): negative, positive, uncertain."""
    return outputs.reshape(len(outputs), -1, 3)
