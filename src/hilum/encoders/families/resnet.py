"""Residual networks: He et al., "Deep residual learning for image recognition", CVPR 2016.

Blocks are the four stages; the stem is the 7x7 convolution with its batch norm.
"""

import timm
from torch import Tensor, nn

from hilum.encoders.family import Family
from hilum.encoders.stem import Stem


def build(name: str) -> nn.Module:
    """timm's, with He initialisation and every residual branch off (the gain of its last batch norm is 0)."""
    return timm.create_model(name, in_chans=1, num_classes=0, global_pool="")


def encode(body: nn.Module, images: Tensor) -> Tensor:
    """The last stage's map, (B, width, ⌈H/32⌉, ⌈W/32⌉)."""
    maps: Tensor = body(images)
    return maps


def blocks(body: nn.Module) -> dict[str, nn.Module]:
    """Stem and stages."""
    stem = nn.ModuleList([body.get_submodule("conv1"), body.get_submodule("bn1")])
    return {"stem": stem} | {stage: body.get_submodule(stage) for stage in ("layer1", "layer2", "layer3", "layer4")}


RESNET = Family(build, encode, blocks, Stem("conv1", norm="bn1"))
