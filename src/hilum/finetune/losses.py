"""Weighted binary cross-entropy over the labels that are known."""

import numpy as np
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from hilum.training.ranks import share_of_mean

POSITIVE_WEIGHT_LIMIT = 100.0
"""A rare finding's few positives may count this much more than a negative, and no more, unless told: beyond, single
films decide a step. In all of ChestX-ray14 it binds for Hernia only (493)."""


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


def mean_masked_bce(
    logits: Tensor, targets: Tensor, positive_weights: Tensor, *, known: Tensor | None = None, parts: int = 1
) -> Tensor:
    """Mean of `masked_bce` over the known labels; 0, with zero gradients, where none is known.

    Args:
        logits, targets, positive_weights: as there.
        known: how many labels are known in the whole batch, where this is a part of it; of all processes it is the sum.
        parts: see `hilum.training.ranks.share_of_mean`.
    """
    total, own = masked_bce(logits, targets, positive_weights)
    return share_of_mean(total, own if known is None else known, parts)


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
