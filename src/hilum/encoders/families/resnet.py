"""Residual networks: He et al., "Deep residual learning for image recognition", CVPR 2016.

Blocks are the four stages; the stem is the 7x7 convolution with its batch norm.
"""

import timm
from torch import nn

from hilum.encoders.family import Family, Step, run_modules
from hilum.encoders.stem import Stem

STAGES = "layer1", "layer2", "layer3", "layer4"


def build(name: str) -> nn.Module:
    """Create timm's model: He initialisation, zero gain of the last batch norm of each residual branch."""
    return timm.create_model(name, in_chans=1, num_classes=0, global_pool="")


def steps(body: nn.Module, size: tuple[int, int]) -> list[Step]:  # noqa: ARG001
    """Return stem and stages; the last map is (B, width, ⌈H/32⌉, ⌈W/32⌉)."""
    stem = [body.get_submodule(name) for name in ("conv1", "bn1", "act1", "maxpool")]
    return [run_modules(*stem), *(run_modules(body.get_submodule(stage)) for stage in STAGES)]


def blocks(body: nn.Module) -> dict[str, nn.Module]:
    """Return stem and stages."""
    stem = nn.ModuleList([body.get_submodule("conv1"), body.get_submodule("bn1")])
    return {"stem": stem} | {stage: body.get_submodule(stage) for stage in STAGES}


RESNET = Family(build, steps, blocks, Stem("conv1", norm="bn1"))
