"""The encoder of a U-Net: Toh et al. (2023), §2.4, after Ronneberger et al. (MICCAI 2015).

Convolutions are not padded, and the classifier is applied to the flattened 5x5 map, so that images have 224 px. The
first encoder block is the stem; blocks are the four others and the last convolution.
"""

from collections import OrderedDict

from torch import Tensor, nn

from hilum.encoders.family import Family
from hilum.encoders.stem import Stem

WIDTHS = 64, 128, 256, 512, 1024
LAST_WIDTH = 512
MAP_SIDE = 5
DROPOUT = 0.1


def encoder_block(width_in: int, width: int) -> nn.Sequential:
    """Create two valid 3x3 convolutions, each with ReLU and batch norm."""
    return nn.Sequential(
        nn.Conv2d(width_in, width, 3),
        nn.ReLU(),
        nn.BatchNorm2d(width),
        nn.Dropout(DROPOUT),
        nn.Conv2d(width, width, 3),
        nn.ReLU(),
        nn.BatchNorm2d(width),
    )


class UnetEncoder(nn.Module):
    """Five encoder blocks with max pooling between them, and a 2x2 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        before = channels, *WIDTHS
        self.blocks = nn.ModuleList(
            [encoder_block(width_in, width) for width_in, width in zip(before, WIDTHS, strict=False)]
        )
        self.pool = nn.MaxPool2d(2)
        self.bottleneck = nn.Sequential(nn.Conv2d(WIDTHS[-1], LAST_WIDTH, 2), nn.ReLU(), nn.BatchNorm2d(LAST_WIDTH))

    def forward(self, images: Tensor) -> Tensor:
        """Compute features, (B, channels, 224, 224) to (B, 512, 5, 5)."""
        maps = self.blocks[0](images)
        for block in list(self.blocks)[1:]:
            maps = block(self.pool(maps))
        last: Tensor = self.bottleneck(maps)
        return last


def classifier(findings: int) -> nn.Sequential:
    """Create the paper's classifier on the flattened map."""
    return nn.Sequential(OrderedDict(dropout=nn.Dropout(DROPOUT), fc=nn.Linear(LAST_WIDTH * MAP_SIDE**2, findings)))


def parts(body: nn.Module) -> dict[str, list[nn.Module]]:
    """Return stem, encoder blocks with the max pooling before them, and the last convolution."""
    pool = body.get_submodule("pool")
    stem, *others = body.get_submodule("blocks").children()
    numbered = {f"encoder {n}": [pool, block] for n, block in enumerate(others, 2)}
    return {"stem": [stem]} | numbered | {"bottleneck": [body.get_submodule("bottleneck")]}


def cells(side: int) -> int:
    """Return the rows of the last map: -4 for each block, halved by each max pooling, -1 for the last convolution."""
    for _ in WIDTHS[1:]:
        side = (side - 4) // 2
    return side - 4 - 1


UNET_ENCODER = Family.of_sequence(
    lambda name: UnetEncoder(channels=1),  # noqa: ARG005
    parts,
    Stem("blocks.0.0"),
    pooling="flatten",
    cells=cells,
)
