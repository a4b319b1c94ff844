"""Masked patches of a vision transformer: their embeddings are replaced by a learned mask token.

Zhou et al., "iBOT" (ICLR 2022), §3.2; masked patches keep their position embedding.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from hilum.encoders.zoo import Encoder
from hilum.errors import HilumError

_WITH_PATCH_TOKENS = ("vit", "dinov2", "dinov3", "eva_x")


def check_sees_patches(encoder: Encoder, method: str) -> None:
    """Check that an encoder is a vision transformer with a class token.

    Raises:
        HilumError: It is not.
    """
    if encoder.architecture.family not in _WITH_PATCH_TOKENS or not encoder.has_class_token:
        raise HilumError(
            f"encoder of {method}",
            expected="a vision transformer with a class token, whose patches can be masked",
            found=encoder.name,
            fix="Use vit_tiny_patch16_224 or vit_small_patch14_dinov2, or another method: dino takes every encoder.",
        )


@contextmanager
def masked_patches(encoder: Encoder, mask: Tensor, token: Tensor) -> Iterator[None]:
    """Replace masked patch embeddings by a mask token within the context.

    Args:
        encoder: A vision transformer (`check_sees_patches`).
        mask: Mask of the next batch, (B, rows, columns), True where masked.
        token: Mask token, (width,).
    """

    def replace(module: nn.Module, inputs: Any, patches: Tensor) -> Tensor:  # noqa: ARG001 (as torch calls it)
        return torch.where(mask[..., None], token.to(patches.dtype), patches)

    handle = encoder.body.get_submodule("patch_embed").register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()
