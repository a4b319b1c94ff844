"""The first convolution of published weights, folded from three equal channels onto one.

A radiograph shown to such weights is gray: three times the same value g, normalised by each channel's own mean and
standard deviation. The convolution is linear, so it can be written for g alone:

    Σ_c w_c · (g - m_c) / s_c + b  =  w' · (g - m) / s + b'
    w' = s Σ_c w_c / s_c,   b' = b + Σ_c (m - m_c) / s_c · Σ_xy w_c

Without zero padding (patch embeddings, valid convolutions) this holds everywhere. A padded convolution sees zeros
behind the image's edge, which stand for m_c in channel c there and for m here: outputs whose window reaches behind the
edge differ by that little, unless the three channels share one normalisation, when b' = b and it holds everywhere too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Stem:
    """Where the first convolution of an architecture is.

    Attributes:
        convolution: its prefix among the body's keys.
        norm: prefix of the batch norm that follows it, where the convolution has no bias of its own; "" where it has.
    """

    convolution: str
    norm: str = ""


def fold_gray_stem(
    weight3: Tensor, bias: Tensor | None, mean3: Sequence[float], std3: Sequence[float]
) -> tuple[Tensor, Tensor, float, float]:
    """A convolution of three equal channels, written for one.

    Args:
        weight3: (out, 3, height, width).
        bias: (out); None: zeros.
        mean3, std3: normalisation of each channel, of gray values in [0, 1].

    Returns:
        weight (out, 1, height, width), bias (out), and the one channel's mean and standard deviation, chosen such that
        the bias does not change for a filter whose three channels are equal. Computed in float64.
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
    """A body's weights for three channels, turned into weights for one.

    A convolution without a bias keeps none: the batch norm behind it subtracts the mean of what it sees, so b' goes
    into its running mean with the opposite sign. In training mode b' would cancel anyway.

    Args:
        tensors: weights by the body's keys; not changed.
        stem: of the encoder (`Encoder.stem`).
        mean3, std3: normalisation of each channel, of gray values in [0, 1].

    Returns:
        The weights by the same keys, and the one channel's mean and standard deviation.
    """
    convolution = f"{stem.convolution}.weight"
    offset = f"{stem.norm}.running_mean" if stem.norm else f"{stem.convolution}.bias"
    weight, bias, mean, std = fold_gray_stem(tensors[convolution], None if stem.norm else tensors[offset], mean3, std3)
    return tensors | {convolution: weight, offset: tensors[offset] - bias if stem.norm else bias}, mean, std
