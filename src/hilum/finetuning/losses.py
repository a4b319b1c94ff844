"""Weighted cross-entropy: of known labels, in two classes or three, or of classes that exclude each other."""

import numpy as np
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

POSITIVE_WEIGHT_LIMIT = 100.0
"""A rare finding's few positives may count this much more than a negative, and no more, unless told: beyond, single
images decide a step. In all of ChestX-ray14 it binds for Hernia only (493)."""


def masked_bce(logits: Tensor, targets: Tensor, positive_weights: Tensor) -> tuple[Tensor, Tensor]:
    """Binary cross-entropy of the known labels: -w y log p - (1 - y) log(1 - p), p = sigmoid(logit).

    Args:
        logits: (B, findings), any real numbers.
        targets: (B, findings), 1 positive, 0 negative, NaN unknown.
        positive_weights: w of each finding, (findings), > 0.

    Returns:
        Sum over the known labels, and how many are known; both scalars. Unknown labels have no gradient, also where
        all are unknown.
    """
    known = ~targets.isnan()
    losses = F.binary_cross_entropy_with_logits(
        logits.float(), targets.nan_to_num(0.0), pos_weight=positive_weights, reduction="none"
    )
    return losses.where(known, 0.0).sum(), known.sum()


def masked_three_class(logits: Tensor, targets: Tensor, positive_weights: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the known labels over negative, positive and uncertain (U-MultiClass of CheXpert).

    Irvin et al., AAAI 2019, §3.1. The positives are weighted as in `masked_bce`; the other two classes count 1.

    Args:
        logits: (B, findings, 3), of negative, positive and uncertain.
        targets: (B, findings), 0, 1 or 2 as the classes stand above, NaN unknown.
        positive_weights: w of each finding, (findings), > 0.

    Returns:
        As `masked_bce`.
    """
    known = ~targets.isnan()
    classes = targets.nan_to_num(0.0).long()
    losses = F.cross_entropy(logits.float().flatten(0, 1), classes.flatten(), reduction="none").view_as(targets)
    weights = positive_weights.expand_as(targets).where(classes == 1, 1.0)
    return (losses * weights).where(known, 0.0).sum(), known.sum()


def exclusive_cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy of images that are of exactly one class: -w_c log softmax(logits)_c, c the image's class.

    Args:
        logits: (B, C), any real numbers.
        targets: (B, C), 1 for the image's class and 0 for the others.
        weights: w of each class, (C), > 0.

    Returns:
        Sum over the images, and their number; both scalars.
    """
    losses = F.cross_entropy(logits.float(), targets.argmax(1), weight=weights, reduction="sum")
    return losses, targets.new_full((), len(targets))


def balancing_weights(targets: NDArray[np.float32], *, limit: float = POSITIVE_WEIGHT_LIMIT) -> NDArray[np.float32]:
    """Weight of each finding's positives: negatives / positives (Wang et al., CVPR 2017, eq. 1, up to a constant).

    Args:
        targets: training targets, (N, findings), NaN unknown.
        limit: at least 1.

    Returns:
        (findings), within 1 / `limit` to `limit`; 1 for a finding without positives.
    """
    positives, negatives = (targets == 1).sum(0), (targets == 0).sum(0)
    weights = np.where(positives > 0, negatives / np.maximum(positives, 1), 1.0)
    return np.clip(weights, 1 / limit, limit).astype(np.float32)
