"""Key patterns shared by several layouts."""

import torch
from torch import Tensor

from hilum.encoders.published.key_maps.layout import Use

AFFINE = r"(weight|bias)"
BATCH_NORM = r"(?:weight|bias|running_mean|running_var|num_batches_tracked)"

COUNTER = {r".*num_batches_tracked": 0.0}
"""Batch counters of batch norm, missing before torch 0.4.1 and unused with fixed momentum."""

TRAINING_STATE = {
    r"(?:optimizer|optimizer_state|scaler|fp16_scaler|amp|lr_scheduler)(?:\..*)?": "state of the optimiser",
    r"(?:epoch|iteration|best_acc1|best_loss|start_epoch)": "a counter",
}

RESNET = (
    Use(rf"(conv1\.weight|bn1\.{BATCH_NORM})", r"\1"),
    Use(rf"(layer[1-4]\.\d+\.(?:conv[123]\.weight|bn[123]\.{BATCH_NORM}))", r"\1"),
    Use(rf"(layer[1-4]\.\d+\.downsample\.(?:0\.weight|1\.{BATCH_NORM}))", r"\1"),
)
"""ResNets in torchvision's names, the same as timm's."""

VIT_BLOCK = (
    Use(rf"blocks\.(\d+)\.(norm1|norm2|attn\.qkv|attn\.proj|mlp\.fc1|mlp\.fc2)\.{AFFINE}", r"blocks.\1.\2.\3"),
)
"""Transformer block in timm's names, also used by most public code."""

VIT_FRAME = (
    Use(r"(cls_token|pos_embed)", r"\1"),
    Use(rf"(patch_embed\.proj|norm)\.{AFFINE}", r"\1.\2"),
)
"""Embeddings and last norm of a vision transformer."""


def as_wanted(tensor: Tensor, wanted: torch.Size | None) -> Tensor:
    """Reshape a tensor to the required shape if only axes of length 1 differ."""
    if wanted is None or [n for n in tensor.shape if n > 1] != [n for n in wanted if n > 1]:
        return tensor  # reported by the comparison of shapes
    return tensor.reshape(wanted)
