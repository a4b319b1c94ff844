"""Folding of the first convolution of published weights from three equal channels to one.

A radiograph has the same value g in all three channels, each normalised by its own mean and standard deviation. The
convolution is linear, so it can be written for g alone:

    Σ_c w_c · (g - m_c) / s_c + b  =  w' · (g - m) / s + b'
    w' = s Σ_c w_c / s_c,   b' = b + Σ_c (m - m_c) / s_c · Σ_xy w_c

Without zero padding (patch embeddings, valid convolutions) this is exact. With padding, zeros outside the image
represent m_c in channel c before and m after folding: outputs at the edge differ slightly, unless all channels have the
same normalisation (then b' = b, exact).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Stem:
    """First convolution of an architecture.

    Attributes:
        convolution: Prefix of its keys in the body.
        norm: Prefix of the following batch norm if the convolution has no bias; "" if it has.
    """

    convolution: str
    norm: str = ""


def fold_gray_stem(
    weight3: Tensor, bias: Tensor | None, mean3: Sequence[float], std3: Sequence[float]
) -> tuple[Tensor, Tensor, float, float]:
    """Fold a convolution of three equal channels to one channel, in float64.

    Args:
        weight3: Weights, (out, 3, height, width).
        bias: Bias, (out,); None: zeros.
        mean3, std3: Normalisation of each channel, of gray values in [0, 1].

    Returns:
        Weight (out, 1, height, width), bias (out,), and mean and standard deviation of the one channel, chosen such
        that the bias of a filter with three equal channels does not change.
    """
    mean, std = torch.tensor(mean3, dtype=torch.float64), torch.tensor(std3, dtype=torch.float64)
    std1 = 3 / (1 / std).sum()
    mean1 = (mean / std).sum() * std1 / 3
    weight = weight3.double()
    folded = std1 * (weight / std[:, None, None]).sum(1, keepdim=True)
    moved = (weight.sum((2, 3)) * (mean1 - mean) / std).sum(1)
    start = torch.zeros(len(weight), dtype=torch.float64) if bias is None else bias.double()
    return folded.to(weight3.dtype), (start + moved).to(weight3.dtype), float(mean1), float(std1)


def fold_gray(
    tensors: dict[str, Tensor], stem: Stem, mean3: Sequence[float], std3: Sequence[float]
) -> tuple[dict[str, Tensor], float, float]:
    """Convert weights for three channels to weights for one.

    Without a bias in the convolution, b' is subtracted from the running mean of the following batch norm; in training
    mode it cancels.

    Args:
        tensors: Weights by the body's keys; not changed.
        stem: First convolution (`Encoder.stem`).
        mean3, std3: Normalisation of each channel, of gray values in [0, 1].

    Returns:
        Weights by the same keys, and mean and standard deviation of the one channel.
    """
    convolution = f"{stem.convolution}.weight"
    offset = f"{stem.norm}.running_mean" if stem.norm else f"{stem.convolution}.bias"
    weight, bias, mean, std = fold_gray_stem(tensors[convolution], None if stem.norm else tensors[offset], mean3, std3)
    return tensors | {convolution: weight, offset: tensors[offset] - bias if stem.norm else bias}, mean, std
