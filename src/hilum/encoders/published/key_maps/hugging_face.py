"""Networks in the names of Hugging Face's transformers: Dinov2 (RAD-DINO), DINOv3's ViT and ConvNeXt, ViT, ConvNeXt.

Definitions: transformers modeling_dinov3_vit.py (DINOv3ViTModel), modeling_dinov3_convnext.py (DINOv3ConvNextModel),
modeling_vit.py (ViTModel), modeling_vit_mae.py (ViTMAEModel, with `vit.` in front and a decoder beside), and
modeling_convnext.py, modeling_convnextv2.py (ConvNextModel, ConvNextV2Model); modeling_dinov2.py and
modeling_dinov2_with_registers.py (Dinov2Model).
"""

from torch import Tensor

from hilum.encoders.positions import EXACT_SIZE
from hilum.encoders.published.key_maps.key_patterns import AFFINE, as_wanted, uses
from hilum.encoders.published.key_maps.layout import Layout, Shapes
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
        *uses("""
            embeddings.cls_token = cls_token
            embeddings.register_tokens = reg_token
            embeddings.patch_embeddings.@ = patch_embed.proj.@
            layer.#.{norm1,norm2}.@ = blocks.#.{}.@
            layer.#.attention.{q,v}_proj.bias = blocks.#.attn.{}_bias
            layer.#.attention.o_proj.@ = blocks.#.attn.proj.@
            layer.#.layer_scale{1,2}.lambda1 = blocks.#.gamma_{}
            layer.#.mlp.up_proj.@ = blocks.#.mlp.fc1.@
            layer.#.mlp.down_proj.@ = blocks.#.mlp.fc2.@
            norm.@ = norm.@
        """),
        *uses("layer.#.attention.$_proj.weight = blocks.#.attn.qkv.weight", parts="qkv"),
    ),
    drops={r"(?:dinov3_vit\.)?(?:model\.)?embeddings\.mask_token": MASK_TOKEN},
    finish=_biases,
)

HF_DINOV3_CONVNEXT = Layout(
    title="Hugging Face's DINOv3ConvNext",
    prefix=r"(?:dinov3_convnext\.)?(?:model\.)?",
    sign=r"stages\.\d+\.layers\.\d+\.depthwise_conv\.weight",
    uses=(
        *uses("""
            stages.0.downsample_layers.{0,1}.@ = stem.{}.@
            stages.{1,2,3}.downsample_layers.{0,1}.@ = stages.{}.downsample.{}.@
            stages.#.layers.#.depthwise_conv.@ = stages.#.blocks.#.conv_dw.@
            stages.#.layers.#.layer_norm.@ = stages.#.blocks.#.norm.@
            stages.#.layers.#.gamma = stages.#.blocks.#.gamma
            layer_norm.@ = head.norm.@
        """),
        *uses("stages.#.layers.#.pointwise_conv{1,2}.@ = stages.#.blocks.#.mlp.fc{}.@", as_wanted),
    ),
)

_VIT = (
    *uses("""
        embeddings.cls_token = cls_token
        embeddings.position_embeddings = pos_embed
        embeddings.patch_embeddings.projection.@ = patch_embed.proj.@
        encoder.layer.#.attention.output.dense.@ = blocks.#.attn.proj.@
        layernorm.@ = norm.@
    """),
    *uses("encoder.layer.#.attention.attention.$.@ = blocks.#.attn.qkv.@", parts=("query", "key", "value")),
)
"""Common names of ViTModel and Dinov2Model: embeddings, attention, last norm."""

HF_DINOV2 = Layout(
    title="Hugging Face's Dinov2",
    prefix=r"(?:dinov2\.|dinov2_with_registers\.)?",
    sign=r"encoder\.layer\.\d+\.attention\.attention\.query\.weight",
    uses=(
        *_VIT,
        *uses("""
            embeddings.register_tokens = reg_token
            encoder.layer.#.{norm1,norm2,mlp.fc1,mlp.fc2}.@ = blocks.#.{}.@
            encoder.layer.#.layer_scale{1,2}.lambda1 = blocks.#.ls{}.gamma
        """),
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
        *uses("""
            encoder.layer.#.layernorm_before.@ = blocks.#.norm1.@
            encoder.layer.#.layernorm_after.@ = blocks.#.norm2.@
            encoder.layer.#.intermediate.dense.@ = blocks.#.mlp.fc1.@
            encoder.layer.#.output.dense.@ = blocks.#.mlp.fc2.@
        """),
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
        *uses("""
            embeddings.patch_embeddings.@ = stem.0.@
            embeddings.layernorm.@ = stem.1.@
            encoder.stages.{1,2,3}.downsampling_layer.{0,1}.@ = stages.{}.downsample.{}.@
            encoder.stages.#.layers.#.dwconv.@ = stages.#.blocks.#.conv_dw.@
            encoder.stages.#.layers.#.layernorm.@ = stages.#.blocks.#.norm.@
            encoder.stages.#.layers.#.layer_scale_parameter = stages.#.blocks.#.gamma
            layernorm.@ = head.norm.@
        """),
        *uses(
            """
            encoder.stages.#.layers.#.pwconv{1,2}.@ = stages.#.blocks.#.mlp.fc{}.@
            encoder.stages.#.layers.#.grn.@ = stages.#.blocks.#.mlp.grn.@
            """,
            as_wanted,
        ),
    ),
    classifier=rf"classifier\.{AFFINE}",
)
