"""Patterns that several layouts share."""

import torch
from torch import Tensor

from hilum.encoders.published.key_maps.layout import Use

AFFINE = r"(weight|bias)"
BATCH_NORM = r"(?:weight|bias|running_mean|running_var|num_batches_tracked)"

COUNTER = {r".*num_batches_tracked": 0.0}
"""torch before 0.4.1 did not count the batches that a batch norm was trained on; with a fixed momentum nothing uses
it."""

TRAINING_STATE = {
    r"(?:optimizer|optimizer_state|scaler|fp16_scaler|amp|lr_scheduler)(?:\..*)?": "state of the optimiser",
    r"(?:epoch|iteration|best_acc1|best_loss|start_epoch)": "a counter",
}

RESNET = (
    Use(rf"(conv1\.weight|bn1\.{BATCH_NORM})", r"\1"),
    Use(rf"(layer[1-4]\.\d+\.(?:conv[123]\.weight|bn[123]\.{BATCH_NORM}))", r"\1"),
    Use(rf"(layer[1-4]\.\d+\.downsample\.(?:0\.weight|1\.{BATCH_NORM}))", r"\1"),
)
"""He et al.'s residual networks in torchvision's names, which are timm's too."""

VIT_BLOCK = (
    Use(rf"blocks\.(\d+)\.(norm1|norm2|attn\.qkv|attn\.proj|mlp\.fc1|mlp\.fc2)\.{AFFINE}", r"blocks.\1.\2.\3"),
)
"""A transformer block in timm's names, which most public code has kept."""

VIT_FRAME = (
    Use(r"(cls_token|pos_embed)", r"\1"),
    Use(rf"(patch_embed\.proj|norm)\.{AFFINE}", r"\1.\2"),
)
"""What stands around the blocks."""


def as_wanted(tensor: Tensor, wanted: torch.Size | None) -> Tensor:
    """The same numbers in the shape that is wanted, where only axes of length 1 differ."""
    if wanted is None or [n for n in tensor.shape if n > 1] != [n for n in wanted if n > 1]:
        return tensor  # the comparison of shapes will say so
    return tensor.reshape(wanted)
