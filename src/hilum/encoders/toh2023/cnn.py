"""A small network with residual connections: Toh et al. (2023), §2.1.

The classifier is applied to the flattened 3x3 map of an image of 224 px, so that the image size is fixed. Blocks are
the six convolution blocks.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from hilum.encoders.family import Family
from hilum.encoders.stem import Stem

WIDTH = 16
BLOCKS = 6
MAP_SIDE = 3
HIDDEN = 28


class ResidualPooling(nn.Module):
    """Convolution, batch norm, ReLU, residual connection, max pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.norm = nn.BatchNorm2d(WIDTH)
        self.pool = nn.MaxPool2d(2)

    def forward(self, maps: Tensor) -> Tensor:
        """Compute the block, (B, 16, H, W) to (B, 16, ⌊H/2⌋, ⌊W/2⌋)."""
        halved: Tensor = self.pool(torch.relu(self.norm(self.conv(maps))) + maps)
        return halved


class SmallCNN(nn.Module):
    """A convolution without padding and six blocks."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, WIDTH, 3)
        self.blocks = nn.Sequential(*(ResidualPooling() for _ in range(BLOCKS)))

    def forward(self, images: Tensor) -> Tensor:
        """Compute features, (B, channels, 224, 224) to (B, 16, 3, 3)."""
        maps: Tensor = self.blocks(self.stem(images))
        return maps


def classifier(findings: int) -> nn.Sequential:
    """Create the paper's classifier: two fully connected layers on the flattened map."""
    return nn.Sequential(
        OrderedDict(fc1=nn.Linear(WIDTH * MAP_SIDE**2, HIDDEN), relu=nn.ReLU(), fc2=nn.Linear(HIDDEN, findings))
    )


def parts(body: nn.Module) -> dict[str, list[nn.Module]]:
    """Return stem and convolution blocks."""
    numbered = enumerate(body.get_submodule("blocks").children(), 1)
    return {"stem": [body.get_submodule("stem")]} | {f"block {n}": [block] for n, block in numbered}


CNN = Family.of_sequence(
    lambda name: SmallCNN(channels=1),  # noqa: ARG005
    parts,
    Stem("stem"),
    pooling="flatten",
    cells=lambda side: (side - 2) // 2**BLOCKS,
)
