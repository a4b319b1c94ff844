"""Networks in the names of Hugging Face's transformers: Dinov2 (RAD-DINO), DINOv3's ViT and ConvNeXt, ViT, ConvNeXt.

Definitions: transformers modeling_dinov3_vit.py (DINOv3ViTModel), modeling_dinov3_convnext.py (DINOv3ConvNextModel),
modeling_vit.py (ViTModel), modeling_vit_mae.py (ViTMAEModel, with `vit.` in front and a decoder beside), and
modeling_convnext.py, modeling_convnextv2.py (ConvNextModel, ConvNextV2Model); modeling_dinov2.py and
modeling_dinov2_with_registers.py (Dinov2Model).
"""

from torch import Tensor

from hilum.encoders.positions import EXACT_SIZE
from hilum.encoders.published.key_maps.key_patterns import AFFINE, as_wanted
from hilum.encoders.published.key_maps.layout import Layout, Shapes, Use
from hilum.encoders.published.key_maps.transformers import MASK_TOKEN, registers


def _biases(tensors: dict[str, Tensor], wanted: Shapes) -> dict[str, Tensor]:
    """Drop all-zero biases of queries and values if the body has none."""
    selected = dict(tensors)
    for key, bias in tensors.items():
        if key.endswith(("attn.q_bias", "attn.v_bias")) and key not in wanted:
            if bias.any():
                raise ValueError(f"{key} is not all zeros, and the encoder has no bias there")
            del selected[key]
    return selected


HF_DINOV3 = Layout(
    title="Hugging Face's DINOv3ViT",
    prefix=r"(?:dinov3_vit\.)?(?:model\.)?",
    sign=r"layer\.\d+\.attention\.q_proj\.weight",
    uses=(
        Use(r"embeddings\.cls_token", "cls_token"),
        Use(r"embeddings\.register_tokens", "reg_token"),
        Use(rf"embeddings\.patch_embeddings\.{AFFINE}", r"patch_embed.proj.\1"),
        Use(rf"layer\.(\d+)\.(norm1|norm2)\.{AFFINE}", r"blocks.\1.\2.\3"),
        *(
            Use(rf"layer\.(\d+)\.attention\.{name}_proj\.weight", r"blocks.\1.attn.qkv.weight", part=part, of=3)
            for part, name in enumerate("qkv")
        ),
        Use(r"layer\.(\d+)\.attention\.q_proj\.bias", r"blocks.\1.attn.q_bias"),
        Use(r"layer\.(\d+)\.attention\.v_proj\.bias", r"blocks.\1.attn.v_bias"),
        Use(rf"layer\.(\d+)\.attention\.o_proj\.{AFFINE}", r"blocks.\1.attn.proj.\2"),
        Use(r"layer\.(\d+)\.layer_scale([12])\.lambda1", r"blocks.\1.gamma_\2"),
        Use(rf"layer\.(\d+)\.mlp\.up_proj\.{AFFINE}", r"blocks.\1.mlp.fc1.\2"),
        Use(rf"layer\.(\d+)\.mlp\.down_proj\.{AFFINE}", r"blocks.\1.mlp.fc2.\2"),
        Use(rf"norm\.{AFFINE}", r"norm.\1"),
    ),
    drops={r"(?:dinov3_vit\.)?(?:model\.)?embeddings\.mask_token": MASK_TOKEN},
    finish=_biases,
)

HF_DINOV3_CONVNEXT = Layout(
    title="Hugging Face's DINOv3ConvNext",
    prefix=r"(?:dinov3_convnext\.)?(?:model\.)?",
    sign=r"stages\.\d+\.layers\.\d+\.depthwise_conv\.weight",
    uses=(
        Use(rf"stages\.0\.downsample_layers\.([01])\.{AFFINE}", r"stem.\1.\2"),
        Use(rf"stages\.([1-3])\.downsample_layers\.([01])\.{AFFINE}", r"stages.\1.downsample.\2.\3"),
        Use(rf"stages\.(\d+)\.layers\.(\d+)\.depthwise_conv\.{AFFINE}", r"stages.\1.blocks.\2.conv_dw.\3"),
        Use(rf"stages\.(\d+)\.layers\.(\d+)\.layer_norm\.{AFFINE}", r"stages.\1.blocks.\2.norm.\3"),
        Use(
            rf"stages\.(\d+)\.layers\.(\d+)\.pointwise_conv([12])\.{AFFINE}",
            r"stages.\1.blocks.\2.mlp.fc\3.\4",
            as_wanted,
        ),
        Use(r"stages\.(\d+)\.layers\.(\d+)\.gamma", r"stages.\1.blocks.\2.gamma"),
        Use(rf"layer_norm\.{AFFINE}", r"head.norm.\1"),
    ),
)

_VIT = (
    Use(r"embeddings\.cls_token", "cls_token"),
    Use(r"embeddings\.position_embeddings", "pos_embed"),
    Use(rf"embeddings\.patch_embeddings\.projection\.{AFFINE}", r"patch_embed.proj.\1"),
    *(
        Use(
            rf"encoder\.layer\.(\d+)\.attention\.attention\.{name}\.{AFFINE}",
            r"blocks.\1.attn.qkv.\2",
            part=part,
            of=3,
        )
        for part, name in enumerate(("query", "key", "value"))
    ),
    Use(rf"encoder\.layer\.(\d+)\.attention\.output\.dense\.{AFFINE}", r"blocks.\1.attn.proj.\2"),
    Use(rf"layernorm\.{AFFINE}", r"norm.\1"),
)
"""Common names of ViTModel and Dinov2Model: embeddings, attention, last norm."""

HF_DINOV2 = Layout(
    title="Hugging Face's Dinov2",
    prefix=r"(?:dinov2\.|dinov2_with_registers\.)?",
    sign=r"encoder\.layer\.\d+\.attention\.attention\.query\.weight",
    uses=(
        *_VIT,
        Use(r"embeddings\.register_tokens", "reg_token"),
        Use(rf"encoder\.layer\.(\d+)\.(norm1|norm2|mlp\.fc1|mlp\.fc2)\.{AFFINE}", r"blocks.\1.\2.\3"),
        Use(r"encoder\.layer\.(\d+)\.layer_scale([12])\.lambda1", r"blocks.\1.ls\2.gamma"),
    ),
    classifier=rf"classifier\.{AFFINE}",
    drops={r"(?:dinov2\.|dinov2_with_registers\.)?embeddings\.mask_token": MASK_TOKEN},
    positions=EXACT_SIZE,
    finish=registers,
)

HF_VIT = Layout(
    title="Hugging Face's ViT",
    prefix=r"(?:vit\.)?",
    sign=r"encoder\.layer\.\d+\.layernorm_before\.weight",
    uses=(
        *_VIT,
        Use(rf"encoder\.layer\.(\d+)\.layernorm_before\.{AFFINE}", r"blocks.\1.norm1.\2"),
        Use(rf"encoder\.layer\.(\d+)\.layernorm_after\.{AFFINE}", r"blocks.\1.norm2.\2"),
        Use(rf"encoder\.layer\.(\d+)\.intermediate\.dense\.{AFFINE}", r"blocks.\1.mlp.fc1.\2"),
        Use(rf"encoder\.layer\.(\d+)\.output\.dense\.{AFFINE}", r"blocks.\1.mlp.fc2.\2"),
    ),
    classifier=rf"classifier\.{AFFINE}",
    drops={
        r"(?:vit\.)?embeddings\.mask_token": MASK_TOKEN,
        rf"(?:vit\.)?pooler\.dense\.{AFFINE}": "a layer behind the class token that only its own classifier uses",
        r"decoder\..*": "MAE's decoder",
    },
    positions=EXACT_SIZE,
)

HF_CONVNEXT = Layout(
    title="Hugging Face's ConvNext or ConvNextV2",
    prefix=r"(?:convnext\.|convnextv2\.)?",
    sign=r"encoder\.stages\.\d+\.layers\.\d+\.dwconv\.weight",
    uses=(
        Use(rf"embeddings\.patch_embeddings\.{AFFINE}", r"stem.0.\1"),
        Use(rf"embeddings\.layernorm\.{AFFINE}", r"stem.1.\1"),
        Use(rf"encoder\.stages\.([1-3])\.downsampling_layer\.([01])\.{AFFINE}", r"stages.\1.downsample.\2.\3"),
        Use(rf"encoder\.stages\.(\d+)\.layers\.(\d+)\.dwconv\.{AFFINE}", r"stages.\1.blocks.\2.conv_dw.\3"),
        Use(rf"encoder\.stages\.(\d+)\.layers\.(\d+)\.layernorm\.{AFFINE}", r"stages.\1.blocks.\2.norm.\3"),
        Use(
            rf"encoder\.stages\.(\d+)\.layers\.(\d+)\.pwconv([12])\.{AFFINE}",
            r"stages.\1.blocks.\2.mlp.fc\3.\4",
            as_wanted,
        ),
        Use(rf"encoder\.stages\.(\d+)\.layers\.(\d+)\.grn\.{AFFINE}", r"stages.\1.blocks.\2.mlp.grn.\3", as_wanted),
        Use(r"encoder\.stages\.(\d+)\.layers\.(\d+)\.layer_scale_parameter", r"stages.\1.blocks.\2.gamma"),
        Use(rf"layernorm\.{AFFINE}", r"head.norm.\1"),
    ),
    classifier=rf"classifier\.{AFFINE}",
)
