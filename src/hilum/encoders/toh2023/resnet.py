"""A small residual network: Toh et al. (2023), §2.2.

Every convolution has a bias, max pooling precedes the first batch norm, and a block has ReLUs before and after the
addition. Blocks are the four layers of two residual blocks.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from hilum.encoders.family import Family
from hilum.encoders.stem import Stem

WIDTHS = 48, 96, 192, 384


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch norm and a shortcut, projected with stride 2."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        stride = 1 if width_in == width else 2
        self.conv1 = nn.Conv2d(width_in, width, 3, stride, padding=1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(width)
        projection = nn.Sequential(nn.Conv2d(width_in, width, 1, stride), nn.BatchNorm2d(width))
        self.shortcut = nn.Identity() if stride == 1 else projection

    def forward(self, maps: Tensor) -> Tensor:
        """Compute the block, (B, width in, H, W) to (B, width, H/stride, W/stride)."""
        branch = torch.relu(self.bn1(self.conv1(maps)))
        branch = torch.relu(self.bn2(self.conv2(branch)))
        return torch.relu(branch + self.shortcut(maps))


class SmallResNet(nn.Module):
    """A 7x7 convolution, max pooling, and four layers of two blocks."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, WIDTHS[0], 7, stride=2, padding=3),
            nn.MaxPool2d(3, stride=2, padding=1),
            nn.BatchNorm2d(WIDTHS[0]),
            nn.ReLU(),
        )
        before = WIDTHS[0], *WIDTHS
        self.layers = nn.Sequential(
            *(
                nn.Sequential(ResidualBlock(width_in, width), ResidualBlock(width, width))
                for width_in, width in zip(before, WIDTHS, strict=False)
            )
        )

    def forward(self, images: Tensor) -> Tensor:
        """Compute features, (B, channels, H, W) to (B, 384, ⌈H/32⌉, ⌈W/32⌉)."""
        maps: Tensor = self.layers(self.stem(images))
        return maps


def classifier(findings: int) -> nn.Sequential:
    """Create the paper's classifier on the mean over the map."""
    return nn.Sequential(OrderedDict(fc=nn.Linear(WIDTHS[-1], findings)))


def parts(body: nn.Module) -> dict[str, list[nn.Module]]:
    """Return stem and layers."""
    numbered = enumerate(body.get_submodule("layers").children(), 1)
    return {"stem": [body.get_submodule("stem")]} | {f"layer {n}": [layer] for n, layer in numbered}


RESNET = Family.of_sequence(lambda name: SmallResNet(channels=1), parts, Stem("stem.0"))  # noqa: ARG005
