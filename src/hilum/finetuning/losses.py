"""Weighted cross-entropy: of known labels, in two classes or three, or of classes that exclude each other."""

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from hilum.data.balance import class_weights

MAX_CLASS_WEIGHT = 100.0
"""A rare finding's few positives may count this much more than a negative, and no more, unless set otherwise: beyond,
single images decide a step. In all of ChestX-ray14 it binds for Hernia only (493)."""
NO_CLASS = -100
"""In place of a class that is not known, as torch names it."""


def masked_bce(
    logits: Tensor,
    targets: Tensor,
    positive_weights: Tensor,
    *,
    focal: float | None = None,
    label_smoothing: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Binary cross-entropy of the known labels: -w y log p - (1 - y) log(1 - p), p = sigmoid(logit).

    Args:
        logits: (B, findings), any real numbers.
        targets: (B, findings), 1 positive, 0 negative, NaN unknown.
        positive_weights: w of each finding, (findings), > 0.
        focal: γ of the focal loss, every term times (1 - p_t)^γ with p_t the probability of the label (Lin et al.,
            ICCV 2017, eq. 4, with w for α); None for cross-entropy.
        label_smoothing: ε of y (1 - ε) + ε / 2 in place of y (Szegedy et al., CVPR 2016, §7), 0 to below 1.

    Returns:
        Sum over the known labels, and how many are known; both scalars. Unknown labels have no gradient, also where
        all are unknown.
    """
    known = ~targets.isnan()
    labels = targets.nan_to_num(0.0)
    if label_smoothing:
        labels = labels * (1 - label_smoothing) + label_smoothing / 2
    losses = F.binary_cross_entropy_with_logits(logits.float(), labels, pos_weight=positive_weights, reduction="none")
    if focal is not None:
        losses = losses * torch.sigmoid(torch.where(labels > 0, -logits.float(), logits.float())) ** focal
    return losses.where(known, 0.0).sum(), known.sum()


def masked_u_multiclass(
    logits: Tensor,
    targets: Tensor,
    positive_weights: Tensor,
    *,
    focal: float | None = None,
    label_smoothing: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the known labels over negative, positive and uncertain (U-MultiClass of CheXpert).

    Irvin et al., AAAI 2019, §3.1. The positives are weighted as in `masked_bce`; the other two classes count 1.

    Args:
        logits: (B, findings, 3), of negative, positive and uncertain.
        targets: (B, findings), 0, 1 or 2 as the classes stand above, NaN unknown.
        positive_weights: w of each finding, (findings), > 0.
        focal: as in `masked_bce`.
        label_smoothing: ε, of which each class gets a third.

    Returns:
        As `masked_bce`.
    """
    known = ~targets.isnan()
    classes = targets.nan_to_num(0.0).long()
    losses = _class_losses(logits.float().flatten(0, 1), classes.flatten(), focal, label_smoothing).view_as(targets)
    weights = positive_weights.expand_as(targets).where(classes == 1, 1.0)
    return (losses * weights).where(known, 0.0).sum(), known.sum()


def multiclass_cross_entropy(
    logits: Tensor,
    targets: Tensor,
    weights: Tensor,
    *,
    focal: float | None = None,
    label_smoothing: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of images that are of exactly one class: -w_c log softmax(logits)_c, c the image's class.

    Args:
        logits: (B, C), any real numbers.
        targets: (B, C), 1 for the image's class and 0 for the others; NaN for images whose class is unknown.
        weights: w of each class, (C), > 0.
        focal: γ of the focal loss, as in `masked_bce`, of the image's class.
        label_smoothing: ε, of which each class gets a share 1 / C. The image's weight stays that of its class, where
            `torch.nn.CrossEntropyLoss` weighs each class's share by its own.

    Returns:
        Sum over the images of a known class, and their number; both scalars. The others have no gradient.
    """
    known = (targets == 1).any(1)
    classes = targets.nan_to_num(0.0).argmax(1)
    count = known.sum().to(targets.dtype)
    if focal is None and not label_smoothing:
        labels = torch.where(known, classes, NO_CLASS)
        return F.cross_entropy(logits.float(), labels, weight=weights, reduction="sum", ignore_index=NO_CLASS), count
    each = _class_losses(logits.float(), classes, focal, label_smoothing) * weights[classes]
    return each.where(known, 0.0).sum(), count


def _class_losses(logits: Tensor, classes: Tensor, focal: float | None, label_smoothing: float) -> Tensor:
    """Unweighted, (B): cross-entropy of one class in each row, or the focal loss."""
    losses = F.cross_entropy(logits, classes, reduction="none", label_smoothing=label_smoothing)
    if focal is None:
        return losses
    shares = logits.softmax(1).gather(1, classes[:, None])[:, 0]
    return losses * (1 - shares) ** focal


def negatives_per_positive_of(targets: NDArray[np.float32]) -> NDArray[np.float64]:
    """Weight of each finding's positives: negatives / positives (Wang et al., CVPR 2017, eq. 1, up to a constant).

    Args:
        targets: training targets, (N, findings), NaN unknown.

    Returns:
        (findings); 1 for a finding without positives.
    """
    positives, negatives = (targets == 1).sum(0), (targets == 0).sum(0)
    return np.where(positives > 0, negatives / np.maximum(positives, 1), 1.0)


def inverse_frequencies_of(targets: NDArray[np.float32]) -> NDArray[np.float64]:
    """Weight of each finding's positives: known labels / positives, one over the share of positives.

    Tayebi Arasteh et al. 2024, "SL training configuration". As `negatives_per_positive_of`.
    """
    positives, known = (targets == 1).sum(0), (~np.isnan(targets)).sum(0)
    return np.where(positives > 0, known / np.maximum(positives, 1), 1.0)


def class_frequencies_of(targets: NDArray[np.float32]) -> NDArray[np.float64]:
    """Weight of each of C exclusive classes: images / (C x images of the class), `hilum.data.balance.class_weights`.

    Args:
        targets: training targets, (N, C), 1 for the image's class.

    Returns:
        (C); 1 for a class without images.
    """
    images = {str(place): int(number) for place, number in enumerate((targets == 1).sum(0))}
    return np.array([*class_weights(images).values()])


def clip_weights(weights: NDArray[np.float64], most: float | None) -> NDArray[np.float32]:
    """Weights within 1 / `most` to `most`; as they are where it is None.

    Args:
        weights: (findings), > 0.
        most: at least 1.
    """
    if most is None:
        return weights.astype(np.float32)
    narrow = np.clip(weights.astype(np.float32), np.float32(1 / most), np.float32(most))
    return narrow.astype(np.float32)
