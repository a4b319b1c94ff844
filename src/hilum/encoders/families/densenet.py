"""Densely connected networks: Huang et al., "Densely connected convolutional networks", CVPR 2017.

Blocks are the four dense blocks; the transition that follows a dense block belongs to it, and the last batch norm to
the last one. The stem is the 7x7 convolution with its batch norm. Transitions average pairs of rows and columns, and
drop an odd last one, as the reference does.
"""

import timm
from torch import Tensor, nn

from hilum.encoders.family import Family
from hilum.encoders.stem import Stem


def build(name: str) -> nn.Module:
    """timm's, with its initialisation (He et al., ICCV 2015)."""
    return timm.create_model(name, in_chans=1, num_classes=0, global_pool="")


def encode(body: nn.Module, images: Tensor) -> Tensor:
    """The map behind the last batch norm and ReLU, (B, width, rows, columns)."""
    maps: Tensor = body.get_submodule("features")(images)
    return maps


def blocks(body: nn.Module) -> dict[str, nn.Module]:
    """Stem and dense blocks."""
    features = body.get_submodule("features")
    closing = ("transition1", "transition2", "transition3", "norm5")
    stem = nn.ModuleList([features.get_submodule("conv0"), features.get_submodule("norm0")])
    dense: dict[str, nn.Module] = {
        f"denseblock{n}": nn.ModuleList([features.get_submodule(f"denseblock{n}"), features.get_submodule(end)])
        for n, end in enumerate(closing, 1)
    }
    return {"stem": stem} | dense


def cells(side: int) -> int:
    """Rows of the last map: two roundings up, three down."""
    return -(-side // 4) // 8


STEM = Stem("features.conv0", norm="features.norm0")
DENSENET = Family(build, encode, blocks, STEM, cells=cells)
