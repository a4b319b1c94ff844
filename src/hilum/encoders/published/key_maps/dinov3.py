"""DINOv3's ViT and ConvNeXt.

Definition: facebookresearch/dinov3 dinov3/models/vision_transformer.py, layers/attention.py, models/convnext.py.
"""

import torch
from torch import Tensor

from hilum.encoders.published.key_maps.convnext import CONVNEXT_USES
from hilum.encoders.published.key_maps.key_patterns import AFFINE, VIT_BLOCK, uses
from hilum.encoders.published.key_maps.layout import Layout, Shapes

_QKV_BIAS, _MASK = "attn.qkv.bias", "attn.qkv.bias_mask"


def _biases(tensors: dict[str, Tensor], wanted: Shapes) -> dict[str, Tensor]:
    """Multiply the qkv bias by its mask (0 for keys), and drop it if it is all zeros, as in timm."""
    selected = {key: tensor for key, tensor in tensors.items() if not key.endswith((_QKV_BIAS, _MASK))}
    for key, bias in tensors.items():
        if not key.endswith(_QKV_BIAS):
            continue
        block = key.removesuffix(_QKV_BIAS)
        if block + _MASK not in tensors:
            raise ValueError(f"missing: {block}{_MASK}, required for {key}")
        mask = tensors[block + _MASK]
        if not ((mask == 0) | (mask == 1)).all():
            raise ValueError(f"{block}{_MASK} has values other than 0 and 1")
        masked = torch.where(mask == 0, torch.zeros(()), bias)
        queries, keys, values = masked.chunk(3)
        if block + "attn.q_bias" in wanted and not keys.any():
            selected |= {block + "attn.q_bias": queries, block + "attn.v_bias": values}
        elif masked.any():
            raise ValueError(f"{key} is not all zeros behind its mask, and the encoder has no bias there")
    return selected


DINOV3 = Layout(
    title="DINOv3's ViT",
    sign=r"storage_tokens",
    uses=(
        *uses("""
            cls_token = cls_token
            storage_tokens = reg_token
            {patch_embed.proj,norm}.@ = {}.@
            blocks.#.ls{1,2}.gamma = blocks.#.gamma_{}
            blocks.#.attn.qkv.bias_mask = blocks.#.attn.qkv.bias_mask
        """),
        *VIT_BLOCK,
    ),
    drops={
        r"mask_token": "the token that stands for a masked patch",
        rf"local_cls_norm\.{AFFINE}": "a norm that only training uses",
    },
    classifier=rf"head\.{AFFINE}",
    periods=r"rope_embed\.periods",
    finish=_biases,
)

DINOV3_CONVNEXT = Layout(
    title="DINOv3's ConvNeXt",
    sign=r"stages\.\d+\.\d+\.gamma",
    uses=(*CONVNEXT_USES, *uses("stages.#.#.gamma = stages.#.blocks.#.gamma")),
    classifier=rf"head\.{AFFINE}",
    drops={rf"norms\.3\.{AFFINE}": "the final norm, under a second name"},
)
