"""Attention of short sequences as two products, where torch's fused kernel is slow.

On a CPU the backward pass of `scaled_dot_product_attention` takes long in bfloat16: for 256 images of 10 tokens, three
heads of 64, 26 ms forward and back against 3 ms written out; for 64 images of 37 tokens 17 and 2 ms, of 197 tokens 72
and 33 ms, and 8 images of 1,025 tokens and twelve heads 594 and 495 ms (two cores, torch 2.11). Written out, the
matrices of all layers are kept for the backward pass, so long sequences stay with the fused kernel, which keeps none.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

LONGEST_WRITTEN_OUT = 256
"""Tokens: a ViT-B then keeps 5 MB of matrices an image and layer at most. 14 x 14 patches are 197 tokens."""


@contextmanager
def explicit_short_attention(module: nn.Module) -> Iterator[None]:
    """While open, timm's attention layers in `module` multiply bfloat16 themselves on a CPU, up to 256 tokens.

    Values are those of the fused kernel but for rounding. Float32, longer sequences and GPUs are left as they are.
    """
    layers = [each for each in module.modules() if getattr(each, "fused_attn", False)]
    hooks = [layer.register_forward_pre_hook(_choose) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for layer in layers:
            layer.fused_attn = True  # type: ignore[assignment]


def _choose(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
    tokens = inputs[0]
    in_bf16 = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    sequence = tokens.ndim == 3  # (B, N, D)
    short = tokens.device.type == "cpu" and in_bf16 and sequence and tokens.shape[1] <= LONGEST_WRITTEN_OUT
    layer.fused_attn = not short  # type: ignore[assignment]
