"""Five convolutions as a package adds them (docs/how-to/extending.md): runs whose network does not matter are quick."""

from torch import nn

from hilum.encoders.catalogue import Architecture
from hilum.encoders.family import Family, run_modules
from hilum.encoders.stem import Stem

WIDTHS = (8, 16, 32, 32, 64)


def build(name):
    """A stem and four blocks with batch norm and a little dropout; 32 px become 4 x 4 places."""
    strides = (2, 2, 2, 1, 1)
    return nn.Sequential(
        *(
            nn.Sequential(
                nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
                nn.Dropout(0.1),
            )
            for before, after, stride in zip((1, *WIDTHS), WIDTHS, strides, strict=False)
        )
    )


def blocks(body):
    """The stem, then what can be unfrozen from the end."""
    return {"stem": body[0]} | {f"layer {number}": body[number] for number in range(1, len(WIDTHS))}


def steps(body, size):
    """What each block computes."""
    return [run_modules(layer) for layer in body]


FAMILY = Family(build, steps, blocks, Stem("0.0"))
SMALL_CONVNET = Architecture(
    "small_convnet",
    "small_convnet:FAMILY",
    blocks=4,
    parameters=33_784,
    gigaflops=0.05,
    patch=8,
    feature_width=64,
    paper="made for tests",
    code="tests",
    batch_norm=True,
)
