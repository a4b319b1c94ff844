"""XvT, a small transformer with convolutions: Toh et al. (2023), §2.5.2, after CvT (Wu et al., ICCV 2021).

Patches of 14 px without class token and position embeddings; positions enter by depthwise convolutions before queries,
keys and values. Attention has three heads of 64, scaled by 192^-0.5 (the token width), as in the authors' code. Dropout
follows patch embedding, attention weights, attention output and MLP output. Blocks are the six transformer blocks; the
last norm belongs to the last one.
"""

from collections import OrderedDict

from torch import Tensor, nn

from hilum.encoders.family import Family, Step, run_modules
from hilum.encoders.stem import Stem

WIDTH = 192
HEADS = 3
BLOCKS = 6
PATCH = 14
DROPOUT = 0.3


class ConvolvedLinear(nn.Module):
    """Depthwise 3x3 convolution with batch norm on the grid of patches, then a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, groups=WIDTH, bias=False)
        self.norm = nn.BatchNorm2d(WIDTH)
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, maps: Tensor) -> Tensor:
        """Compute projections, (B, width, rows, columns) to (B, heads, rows · columns, width / heads)."""
        tokens = self.linear(self.norm(self.conv(maps)).flatten(2).transpose(1, 2))
        split: Tensor = tokens.reshape(maps.shape[0], -1, HEADS, WIDTH // HEADS).transpose(1, 2)
        return split


class Attention(nn.Module):
    """Self-attention with convolutional queries, keys and values."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = ConvolvedLinear(), ConvolvedLinear(), ConvolvedLinear()
        self.dropout = nn.Dropout(DROPOUT)
        self.output = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Dropout(DROPOUT))

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Compute the module, (B, rows · columns, width) to the same shape."""
        maps = tokens.transpose(1, 2).reshape(tokens.shape[0], WIDTH, *grid)
        scores = self.query(maps) @ self.key(maps).transpose(-1, -2) * WIDTH**-0.5
        context = self.dropout(scores.softmax(-1)) @ self.value(maps)
        attended: Tensor = self.output(context.transpose(1, 2).flatten(2))
        return attended


class Block(nn.Module):
    """Pre-norm transformer block: attention and MLP with residual connections."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(WIDTH), Attention()
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH), nn.Dropout(DROPOUT)
        )

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Compute the module, (B, rows · columns, width) to the same shape."""
        tokens = tokens + self.attention(self.norm1(tokens), grid)
        deeper: Tensor = tokens + self.mlp(self.norm2(tokens))
        return deeper


class XvT(nn.Module):
    """Patch embedding with its norm, six blocks, a norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(channels, WIDTH, PATCH, stride=PATCH)
        self.norm_patches, self.dropout = nn.LayerNorm(WIDTH), nn.Dropout(DROPOUT)
        self.blocks = nn.ModuleList([Block() for _ in range(BLOCKS)])
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, images: Tensor) -> Tensor:
        """Compute normed tokens, (B, channels, H, W) to (B, H/14 · W/14, 192)."""
        maps = self.patches(images)
        grid = maps.shape[2], maps.shape[3]
        tokens = self.dropout(self.norm_patches(maps.flatten(2).transpose(1, 2)))
        for block in self.blocks:
            tokens = block(tokens, grid)
        normed: Tensor = self.norm(tokens)
        return normed


def classifier(findings: int) -> nn.Sequential:
    """Create the paper's classifier on the mean over tokens."""
    return nn.Sequential(OrderedDict(fc=nn.Linear(WIDTH, findings)))


def steps(body: nn.Module, size: tuple[int, int]) -> list[Step]:
    """Return stem and transformer blocks."""
    grid = size[0] // PATCH, size[1] // PATCH
    closing = body.get_submodule("norm")

    def embed(images: Tensor) -> Tensor:
        tokens = body.get_submodule("patches")(images).flatten(2).transpose(1, 2)
        return run_modules(body.get_submodule("norm_patches"), body.get_submodule("dropout"))(tokens)

    def attend(block: nn.Module) -> Step:
        return lambda tokens: block(tokens, grid)

    *deeper, last = (attend(block) for block in body.get_submodule("blocks").children())
    return [embed, *deeper, lambda tokens: closing(last(tokens))]


def blocks(body: nn.Module) -> dict[str, nn.Module]:
    """Return stem and transformer blocks."""
    *others, last = body.get_submodule("blocks").children()
    stem = nn.ModuleList([body.get_submodule("patches"), body.get_submodule("norm_patches")])
    stem.append(body.get_submodule("dropout"))
    closing = nn.ModuleList([last, body.get_submodule("norm")])
    return {"stem": stem} | {f"block {n}": block for n, block in enumerate([*others, closing], 1)}


XVT = Family(
    build=lambda name: XvT(channels=1),  # noqa: ARG005
    steps=steps,
    blocks=blocks,
    stem=Stem("patches"),
)
