"""Swin transformers: Liu et al., "Swin transformer: hierarchical vision transformer using shifted windows", ICCV 2021.

Blocks are the transformer blocks of all stages (2 + 2 + 18 + 2 for base). The merging of patches before a stage belongs
to the stage's first block, the last norm to the last block; the stem is the patch embedding with its norm.

Windows are 7x7 at every size, so that the table of relative positions keeps its shape. Maps are padded with zeros to
whole windows, with attention to the padding as in the authors' detection code; maps no larger than a window are not
shifted, as in the authors' classifier.
"""

from functools import partial
from typing import Any

import timm
from torch import Tensor, nn

from hilum.encoders.family import Family, Step, run_modules
from hilum.encoders.stem import Stem


def build(name: str) -> nn.Module:
    """Create timm's model with its initialisation."""
    return timm.create_model(name, in_chans=1, num_classes=0, global_pool="", strict_img_size=False)


def steps(body: Any, size: tuple[int, int]) -> list[Step]:  # noqa: ARG001
    """Return stem and transformer blocks on maps (B, rows, columns, width); the last is (B, width, H/32, W/32)."""
    taken = [run_modules(body.patch_embed)]
    for stage in body.layers:
        for b, block in enumerate(stage.blocks):
            taken.append(partial(_run, block, stage.downsample if b == 0 else None))
    last = taken.pop()
    return [*taken, lambda maps: body.norm(last(maps)).permute(0, 3, 1, 2)]


def _run(block: Any, downsample: nn.Module | None, maps: Tensor) -> Tensor:
    if downsample is not None:
        maps = downsample(maps)
    block.shift_size = _shift(block, (maps.shape[1], maps.shape[2]))
    deeper: Tensor = block(maps)
    return deeper


def _shift(block: Any, grid: tuple[int, int]) -> tuple[int, ...]:
    """Return the shift of a block's windows on a map of (rows, columns)."""
    return tuple(
        0 if cells <= window else shift
        for cells, window, shift in zip(grid, block.window_size, block.target_shift_size, strict=True)
    )


def blocks(body: nn.Module) -> dict[str, nn.Module]:
    """Return stem and transformer blocks."""
    parts: dict[str, nn.Module] = {"stem": body.get_submodule("patch_embed")}
    for s, stage in enumerate(body.get_submodule("layers").children()):
        for b, block in enumerate(stage.get_submodule("blocks").children()):
            before = [stage.get_submodule("downsample")] if b == 0 else []
            parts[f"layers.{s}.blocks.{b}"] = nn.ModuleList([*before, block])
    last, block = parts.popitem()
    return parts | {last: nn.ModuleList([block, body.get_submodule("norm")])}


SWIN = Family(build, steps, blocks, Stem("patch_embed.proj"))
