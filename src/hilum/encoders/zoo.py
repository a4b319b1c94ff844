"""Encoders for one-channel radiographs: one image in, one feature vector out."""

from typing import cast

import timm
import torch
from torch import Tensor, nn

from hilum.encoders.catalogue import ARCHITECTURES
from hilum.errors import HilumError

ENCODERS: tuple[str, ...] = tuple(ARCHITECTURES)

GRAY_MEAN = 0.5
GRAY_STD = 0.25
"""Gray values of ChestX-ray14 as fractions of white, rounded.

Measured: 0.546 ± 0.246 on 500 films at 512 px (muhammedtalo/COVID-19) and 0.527 ± 0.250 on 601 films at 64 px
(dinbe0527/kcr2019d1), all pixels pooled.
"""


class Encoder(nn.Module):
    """A timm network without its classifier.

    Attributes:
        name: one of `ENCODERS`.
        feature_width: length of the feature vector.
        mean, std: one-channel normalisation, applied inside `forward`; they travel with the weights as buffers.
        frozen_blocks: the first so many of `blocks` do not train (see `hilum.encoders.freezing`).
    """

    def __init__(self, name: str, body: nn.Module, feature_width: int) -> None:
        super().__init__()
        self.name = name
        self.body = body
        self.feature_width = feature_width
        self.frozen_blocks = 0
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(GRAY_MEAN))
        self.register_buffer("std", torch.tensor(GRAY_STD))

    def forward(self, images: Tensor) -> Tensor:
        """Features of gray images.

        Args:
            images: (B, 1, H, W) in [0, 1].

        Returns:
            (B, feature_width), float32 also under autocast: averaging 7 x 7 numbers in bfloat16 would leave ties.
        """
        features: Tensor = self.body((images - self.mean) / self.std)
        return features.float().mean((2, 3))

    @property
    def blocks(self) -> list[nn.Module]:
        """The stem and then the stages, in the order in which an image passes them."""
        body = self.body
        stem = nn.ModuleList([body.get_submodule("conv1"), body.get_submodule("bn1")])
        return [stem, *(body.get_submodule(f"layer{stage}") for stage in range(1, ARCHITECTURES[self.name].blocks + 1))]

    def train(self, mode: bool = True) -> "Encoder":
        """Switch to training or evaluation; the batch norm of frozen blocks stays in evaluation."""
        super().train(mode)
        for block in self.blocks[: self.frozen_blocks]:
            block.eval()
        return self


def create_encoder(name: str, *, seed: int) -> Encoder:
    """A randomly initialised encoder; its weights depend on (name, seed) only, and torch's own generator is not moved.

    The initialisation is timm's: He et al. (ICCV 2015), with the last batch norm of every residual block zero, so that
    all residual branches start off (Goyal et al., 2017, §5.1).

    Raises:
        HilumError: the name is not one of `ENCODERS`.
    """
    if name not in ARCHITECTURES:
        raise HilumError("encoder", expected=f"one of {', '.join(ENCODERS)}", found=name, fix="Choose one of these.")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        body = timm.create_model(name, in_chans=1, num_classes=0, global_pool="")
    return Encoder(name, body, cast(int, body.num_features))


def count_parameters(module: nn.Module, trainable_only: bool = False) -> int:
    """Number of weights, of all or of those that train; batch-norm statistics are buffers and do not count."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad or not trainable_only)
