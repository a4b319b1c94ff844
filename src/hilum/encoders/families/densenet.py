"""Densely connected networks: Huang et al., "Densely connected convolutional networks", CVPR 2017.

Blocks are the four dense blocks; the transition that follows a dense block belongs to it, and the last batch norm to
the last one. The stem is the 7x7 convolution with its batch norm. Transitions average pairs of rows and columns, and
drop an odd last one, as the reference does.
"""

import timm
from torch import nn

from hilum.encoders.family import Family, Step, run_modules
from hilum.encoders.stem import Stem

CLOSING = "transition1", "transition2", "transition3", "norm5"
"""Module after each dense block; the last norm includes its ReLU."""


def build(name: str) -> nn.Module:
    """Create timm's model with its initialisation (He et al., ICCV 2015)."""
    return timm.create_model(name, in_chans=1, num_classes=0, global_pool="")


def steps(body: nn.Module, size: tuple[int, int]) -> list[Step]:  # noqa: ARG001
    """Return stem and dense blocks; the map after the last batch norm and ReLU is (B, width, rows, columns)."""
    features = body.get_submodule("features")
    stem = [features.get_submodule(name) for name in ("conv0", "norm0", "pool0")]
    dense = [
        run_modules(features.get_submodule(f"denseblock{n}"), features.get_submodule(end))
        for n, end in enumerate(CLOSING, 1)
    ]
    return [run_modules(*stem), *dense]


def blocks(body: nn.Module) -> dict[str, nn.Module]:
    """Return stem and dense blocks."""
    features = body.get_submodule("features")
    stem = nn.ModuleList([features.get_submodule("conv0"), features.get_submodule("norm0")])
    dense: dict[str, nn.Module] = {
        f"denseblock{n}": nn.ModuleList([features.get_submodule(f"denseblock{n}"), features.get_submodule(end)])
        for n, end in enumerate(CLOSING, 1)
    }
    return {"stem": stem} | dense


def cells(side: int) -> int:
    """Return the rows of the last map: the first two halvings round up, the last three down."""
    return -(-side // 4) // 8


STEM = Stem("features.conv0", norm="features.norm0")
DENSENET = Family(build, steps, blocks, STEM, cells=cells)
