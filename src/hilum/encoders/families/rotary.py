"""What a rotary embedding is computed from, where published files hold it."""

from typing import Any

import timm
from torch import Tensor, nn

PERIODS = "rope.periods"
"""Key of DINOv3's periods among its body's; a buffer that timm computes and does not keep."""


def build_dinov3(name: str) -> nn.Module:
    """timm's, whose periods are kept with the weights.

    The published files hold periods that were rounded to bfloat16, with which the network was trained. Those that timm
    computes in float32 move the feature by 1.6e-3.
    """
    body = timm.create_model(name, in_chans=1, num_classes=0, global_pool="token", dynamic_img_size=True)
    rope: Any = body.rope
    rope.register_buffer("periods", rope.periods, persistent=True)
    return body


def angles(body: Any, side: int) -> dict[str, Tensor]:
    """The sines and cosines, each (side · side, width), by which EVA-02 turns queries and keys on a square grid."""
    sines, cosines = body.rope.get_embed(shape=(side, side)).chunk(2, dim=-1)
    return {"sin": sines, "cos": cosines}
