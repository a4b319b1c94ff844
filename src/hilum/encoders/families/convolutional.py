"""Convolutional networks of stages: ResNet, DenseNet, ConvNeXt and ConvNeXt V2.

The stem is everything before the first block: the first convolution with its norm.

- ResNet (He et al., "Deep residual learning for image recognition", CVPR 2016): blocks are the four stages; the stem's
  convolution is 7x7.
- DenseNet (Huang et al., "Densely connected convolutional networks", CVPR 2017): blocks are the four dense blocks; the
  transition that follows a dense block belongs to it, and the last batch norm to the last one. Transitions average
  pairs of rows and columns, and drop an odd last one, as the reference does.
- ConvNeXt (Liu et al., CVPR 2022) and ConvNeXt V2 (Woo et al., CVPR 2023): blocks are the residual blocks of all stages
  (2 + 2 + 6 + 2 for atto), as in Table 4 of Elwirehardja et al. (2025), which unfreezes up to six of them. The
  convolution that halves the map before a stage belongs to the stage's first block; the norm of the pooled feature
  belongs to the last block; the stem's convolution is 4x4.
"""

import timm
from torch import nn

from hilum.encoders.family import Family
from hilum.encoders.stem import Stem

CLOSING = "transition1", "transition2", "transition3", "norm5"
"""Module after each dense block; the last norm includes its ReLU."""


def build(name: str) -> nn.Module:
    """Create timm's model with its initialisation.

    Of ResNet: He initialisation, zero gain of the last batch norm of each residual branch. Of DenseNet: He et al., ICCV
    2015.
    """
    return timm.create_model(name, in_chans=1, num_classes=0, global_pool="")


def resnet_parts(body: nn.Module) -> dict[str, list[nn.Module]]:
    """Return stem and stages; the last map is (B, width, ⌈H/32⌉, ⌈W/32⌉)."""
    stem = [body.get_submodule(name) for name in ("conv1", "bn1", "act1", "maxpool")]
    return {"stem": stem} | {stage: [body.get_submodule(stage)] for stage in ("layer1", "layer2", "layer3", "layer4")}


def densenet_parts(body: nn.Module) -> dict[str, list[nn.Module]]:
    """Return stem and dense blocks; the map after the last batch norm and ReLU is (B, width, rows, columns)."""
    features = body.get_submodule("features")
    parts = {"stem": [features.get_submodule(name) for name in ("conv0", "norm0", "pool0")]}
    for n, end in enumerate(CLOSING, 1):
        parts[f"denseblock{n}"] = [features.get_submodule(f"denseblock{n}"), features.get_submodule(end)]
    return parts


def convnext_parts(body: nn.Module) -> dict[str, list[nn.Module]]:
    """Return stem and residual blocks; the last map is (B, width, H/32, W/32), its norm follows the pooling."""
    parts = {"stem": [body.get_submodule("stem")]}
    for s, stage in enumerate(body.get_submodule("stages").children()):
        for b, block in enumerate(stage.get_submodule("blocks").children()):
            before = [stage.get_submodule("downsample")] if b == 0 else []
            parts[f"stages.{s}.blocks.{b}"] = [*before, block]
    return parts


def cells(side: int) -> int:
    """Return the rows of DenseNet's last map: the first two halvings round up, the last three down."""
    return -(-side // 4) // 8


RESNET = Family.of_sequence(build, resnet_parts, Stem("conv1", norm="bn1"))
DENSENET = Family.of_sequence(build, densenet_parts, Stem("features.conv0", norm="features.norm0"), cells=cells)
CONVNEXT = Family.of_sequence(build, convnext_parts, Stem("stem.0"), norm_behind="head.norm")
