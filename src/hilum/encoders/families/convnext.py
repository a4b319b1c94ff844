"""ConvNeXt (Liu et al., CVPR 2022) and ConvNeXt V2 (Woo et al., CVPR 2023).

Blocks are the residual blocks of all stages (2 + 2 + 6 + 2 for atto), as in Table 4 of Elwirehardja et al. (2025),
which unfreezes up to six of them. The convolution that halves the map before a stage belongs to the stage's
first block; the norm of the pooled feature belongs to the last block; the stem is the 4x4 convolution with its norm.
"""

import timm
from torch import nn

from hilum.encoders.family import Family, Step, run_modules
from hilum.encoders.stem import Stem


def build(name: str) -> nn.Module:
    """Create timm's model with its initialisation."""
    return timm.create_model(name, in_chans=1, num_classes=0, global_pool="")


def steps(body: nn.Module, size: tuple[int, int]) -> list[Step]:  # noqa: ARG001
    """Return stem and residual blocks; the last map is (B, width, H/32, W/32), its norm follows the pooling."""
    taken = [run_modules(body.get_submodule("stem"))]
    for stage in body.get_submodule("stages").children():
        for b, block in enumerate(stage.get_submodule("blocks").children()):
            before = [stage.get_submodule("downsample")] if b == 0 else []
            taken.append(run_modules(*before, block))
    return taken


def blocks(body: nn.Module) -> dict[str, nn.Module]:
    """Return stem and residual blocks."""
    parts: dict[str, nn.Module] = {"stem": body.get_submodule("stem")}
    for s, stage in enumerate(body.get_submodule("stages").children()):
        for b, block in enumerate(stage.get_submodule("blocks").children()):
            before = [stage.get_submodule("downsample")] if b == 0 else []
            parts[f"stages.{s}.blocks.{b}"] = nn.ModuleList([*before, block])
    last, block = parts.popitem()
    return parts | {last: nn.ModuleList([block, body.get_submodule("head.norm")])}


CONVNEXT = Family(build, steps, blocks, Stem("stem.0"), norm_behind="head.norm")
