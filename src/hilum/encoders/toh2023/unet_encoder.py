"""The contracting half of a U-Net: Toh et al. (2023), §2.4, after Ronneberger et al. (MICCAI 2015).

No convolution is padded, and the classifier reads the last map of 5x5 place by place: images have 224 px. The first
encoder block is the stem; blocks are the four others and the convolution that ends the path.
"""

from collections import OrderedDict

from torch import Tensor, nn

from hilum.encoders.family import Family, Step, run_modules
from hilum.encoders.stem import Stem

WIDTHS = 64, 128, 256, 512, 1024
LAST_WIDTH = 512
MAP_SIDE = 5
DROPOUT = 0.1


def encoder_block(width_in: int, width: int) -> nn.Sequential:
    """Two valid 3x3 convolutions, each with ReLU and then batch norm."""
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
    """Five encoder blocks with a maximum between each two, and a 2x2 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        before = channels, *WIDTHS
        self.blocks = nn.ModuleList(
            [encoder_block(width_in, width) for width_in, width in zip(before, WIDTHS, strict=False)]
        )
        self.pool = nn.MaxPool2d(2)
        self.bottleneck = nn.Sequential(nn.Conv2d(WIDTHS[-1], LAST_WIDTH, 2), nn.ReLU(), nn.BatchNorm2d(LAST_WIDTH))

    def forward(self, images: Tensor) -> Tensor:
        """(B, channels, 224, 224) to (B, 512, 5, 5)."""
        maps = self.blocks[0](images)
        for block in list(self.blocks)[1:]:
            maps = block(self.pool(maps))
        last: Tensor = self.bottleneck(maps)
        return last


def classifier(findings: int) -> nn.Sequential:
    """The paper's classifier, on the map as one vector."""
    return nn.Sequential(OrderedDict(dropout=nn.Dropout(DROPOUT), fc=nn.Linear(LAST_WIDTH * MAP_SIDE**2, findings)))


def steps(body: nn.Module, size: tuple[int, int]) -> list[Step]:  # noqa: ARG001
    """Stem, encoder blocks and the last convolution; the maximum before a block belongs to it."""
    pool = body.get_submodule("pool")
    stem, *others = body.get_submodule("blocks").children()
    deeper = [run_modules(pool, block) for block in others]
    return [run_modules(stem), *deeper, run_modules(body.get_submodule("bottleneck"))]


def blocks(body: nn.Module) -> dict[str, nn.Module]:
    """Stem, encoder blocks and the last convolution."""
    stem, *others = body.get_submodule("blocks").children()
    numbered = {f"encoder {n}": block for n, block in enumerate(others, 2)}
    return {"stem": stem} | numbered | {"bottleneck": body.get_submodule("bottleneck")}


def cells(side: int) -> int:
    """Rows of the last map: each block takes four away, each maximum halves, the last convolution takes one."""
    for _ in WIDTHS[1:]:
        side = (side - 4) // 2
    return side - 4 - 1


UNET_ENCODER = Family(
    build=lambda name: UnetEncoder(channels=1),  # noqa: ARG005
    steps=steps,
    blocks=blocks,
    stem=Stem("blocks.0.0"),
    pooling="flatten",
    cells=cells,
)
