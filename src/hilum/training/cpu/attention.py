"""Explicit attention for short sequences on CPUs, where torch's fused kernel is slow.

On a CPU the backward pass of `scaled_dot_product_attention` is slow in bfloat16. Fused and explicit forward and
backward pass: 26 and 3 ms for 256 images of 10 tokens (three heads of 64), 17 and 2 ms for 64 images of 37 tokens, 72
and 33 ms of 197 tokens, 594 and 495 ms for 8 images of 1,025 tokens and twelve heads (two cores, torch 2.11). Explicit
attention stores the matrices of all layers for the backward pass, so long sequences use the fused kernel.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

LONGEST_WRITTEN_OUT = 256
"""Maximum tokens; ViT-B then stores at most 5 MB of matrices per image and layer. 14 x 14 patches: 197 tokens."""


@contextmanager
def explicit_short_attention(module: nn.Module) -> Iterator[None]:
    """Use explicit attention in timm's layers of `module` within the context: bfloat16 on a CPU, up to 256 tokens.

    Results equal those of the fused kernel up to rounding. Float32, longer sequences and GPUs are not affected.
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
