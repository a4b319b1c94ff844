"""Weighted cross-entropy of known labels: binary, U-MultiClass (three classes a finding) and multiclass."""

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from hilum.data.balance import class_weights

NO_CLASS = -100
"""Index of an unknown class, as `ignore_index` of torch."""


def masked_bce(
    logits: Tensor,
    targets: Tensor,
    positive_weights: Tensor,
    *,
    focal: float | None = None,
    label_smoothing: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Compute binary cross-entropy of the known labels: -w y log p - (1 - y) log(1 - p), p = sigmoid(logit).

    Args:
        logits: (B, findings), any real numbers.
        targets: (B, findings), 1 positive, 0 negative, NaN unknown.
        positive_weights: Class weight w of each finding, (findings), > 0.
        focal: γ of the focal loss, every term times (1 - p_t)^γ with p_t the probability of the label (Lin et al.,
            ICCV 2017, eq. 4, with w for α); None for cross-entropy.
        label_smoothing: ε of y (1 - ε) + ε / 2 instead of y (Szegedy et al., CVPR 2016, §7), 0 to below 1.

    Returns:
        Sum over the known labels, and their number; both scalars. Unknown labels have no gradient, even if all are
        unknown.
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
    """Compute cross-entropy of the known labels over negative, positive and uncertain (U-MultiClass of CheXpert).

    Irvin et al., AAAI 2019, §3.1. Positives are weighted as in `masked_bce`; the weight of the other classes is 1.

    Args:
        logits: (B, findings, 3), for negative, positive and uncertain.
        targets: (B, findings), 0, 1 or 2 for these classes, NaN unknown.
        positive_weights: Class weight w of each finding, (findings), > 0.
        focal: As in `masked_bce`.
        label_smoothing: ε, a third of it for each class.

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
    """Compute multiclass cross-entropy: -w_c log softmax(logits)_c, c the image's class.

    Args:
        logits: (B, C), any real numbers.
        targets: (B, C), 1 for the image's class and 0 for the others; NaN for images of unknown class.
        weights: Weight w of each class, (C), > 0.
        focal: γ of the focal loss, as in `masked_bce`, for the image's class.
        label_smoothing: ε, a fraction 1 / C of it for each class. The weight of an image is that of its class;
            `torch.nn.CrossEntropyLoss` weights each class's part by its own weight.

    Returns:
        Sum over the images of known class, and their number; both scalars. Other images have no gradient.
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
    """Compute the unweighted cross-entropy, or focal loss, of each row, (B)."""
    losses = F.cross_entropy(logits, classes, reduction="none", label_smoothing=label_smoothing)
    if focal is None:
        return losses
    shares = logits.softmax(1).gather(1, classes[:, None])[:, 0]
    return losses * (1 - shares) ** focal


def negatives_per_positive_of(targets: NDArray[np.float32]) -> NDArray[np.float64]:
    """Compute class weights, negatives / positives of each finding (Wang et al., CVPR 2017, eq. 1, up to a constant).

    Args:
        targets: Training targets, (N, findings), NaN unknown.

    Returns:
        (findings); 1 for a finding without positives.
    """
    positives, negatives = (targets == 1).sum(0), (targets == 0).sum(0)
    return np.where(positives > 0, negatives / np.maximum(positives, 1), 1.0)


def inverse_frequencies_of(targets: NDArray[np.float32]) -> NDArray[np.float64]:
    """Compute class weights, known labels / positives of each finding: one over the fraction of positives.

    Tayebi Arasteh et al. 2024, "SL training configuration". Shapes as in `negatives_per_positive_of`.
    """
    positives, known = (targets == 1).sum(0), (~np.isnan(targets)).sum(0)
    return np.where(positives > 0, known / np.maximum(positives, 1), 1.0)


def class_frequencies_of(targets: NDArray[np.float32]) -> NDArray[np.float64]:
    """Compute weights of C classes: images / (C x images of the class), see `hilum.data.balance.class_weights`.

    Args:
        targets: Training targets, (N, C), 1 for the image's class.

    Returns:
        (C); 1 for a class without images.
    """
    images = {str(place): int(number) for place, number in enumerate((targets == 1).sum(0))}
    return np.array([*class_weights(images).values()])


def clip_weights(weights: NDArray[np.float64], most: float | None) -> NDArray[np.float32]:
    """Clip class weights to 1 / `most` to `most`; None for no clipping.

    Args:
        weights: (findings), > 0.
        most: At least 1.
    """
    if most is None:
        return weights.astype(np.float32)
    narrow = np.clip(weights.astype(np.float32), np.float32(1 / most), np.float32(most))
    return narrow.astype(np.float32)
