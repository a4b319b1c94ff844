"""Vision transformers of DINO, DINOv2 and MAE, as their authors name the parts; Hugging Face names are elsewhere.

Definitions: facebookresearch/dino vision_transformer.py; facebookresearch/dinov2 dinov2/models/vision_transformer.py;
facebookresearch/mae and lambert-x/medical_mae models_mae.py.
"""

from torch import Tensor

from hilum.encoders.positions import EXACT_SIZE, OFFSET_BY_A_TENTH
from hilum.encoders.published.key_maps.contrastive import DINO_DROPS, DINO_TEACHER
from hilum.encoders.published.key_maps.key_patterns import AFFINE, TRAINING_STATE, VIT_BLOCK, VIT_FRAME
from hilum.encoders.published.key_maps.layout import Layout, Shapes, Use

_SIGN = r"blocks\.\d+\.attn\.qkv\.weight"
MASK_TOKEN = "the token that stands for a masked patch"

DINO_VIT = Layout(
    title="DINO's ViT, backbone only",
    sign=_SIGN,
    uses=(*VIT_FRAME, *VIT_BLOCK),
    classifier=rf"head\.{AFFINE}",
    positions=OFFSET_BY_A_TENTH,
)

DINO_VIT_CHECKPOINT = Layout(
    title="DINO's full checkpoint of a ViT: student and teacher",
    prefix=DINO_TEACHER,
    sign=_SIGN,
    uses=(*VIT_FRAME, *VIT_BLOCK),
    drops=DINO_DROPS,
    positions=OFFSET_BY_A_TENTH,
)

MAE = Layout(
    title="MAE's checkpoint: a ViT encoder with a decoder",
    prefix=r"(?:model\.)?",
    sign=_SIGN,
    uses=(*VIT_FRAME, *VIT_BLOCK),
    classifier=rf"(?:model\.)?head\.{AFFINE}",
    positions=EXACT_SIZE,
    drops={
        r"(?:model\.)?mask_token": MASK_TOKEN,
        r"(?:model\.)?decoder_(?:embed|blocks|norm|pred|pos_embed)(?:\..*)?": "MAE's decoder",
        **TRAINING_STATE,
    },
)


def registers(tensors: dict[str, Tensor], wanted: Shapes) -> dict[str, Tensor]:
    """Add the class token's position to the token if there are registers, as in timm."""
    if "reg_token" not in wanted or not {"pos_embed", "cls_token"} <= tensors.keys():
        return tensors
    positions = tensors["pos_embed"]
    return tensors | {"cls_token": tensors["cls_token"] + positions[:, :1], "pos_embed": positions[:, 1:]}


_DINOV2 = (
    *VIT_FRAME,
    Use(r"register_tokens", "reg_token"),
    Use(r"blocks\.(?:\d+\.)?(\d+)\.(ls1|ls2)\.gamma", r"blocks.\1.\2.gamma"),
    # with FSDP, blocks are in chunks, with unchanged block numbers
    Use(
        rf"blocks\.(?:\d+\.)?(\d+)\.(norm1|norm2|attn\.qkv|attn\.proj|mlp\.fc1|mlp\.fc2)\.{AFFINE}",
        r"blocks.\1.\2.\3",
    ),
)

DINOV2 = Layout(
    title="DINOv2's ViT, of its hub",
    prefix=r"(?:backbone\.)?",
    sign=r"mask_token",
    uses=_DINOV2,
    drops={r"(?:backbone\.)?mask_token": MASK_TOKEN},
    finish=registers,
)

DINOV2_CHECKPOINT = Layout(
    title="teacher_checkpoint of a training run of DINOv2, not published",
    prefix=DINO_TEACHER,
    sign=r"mask_token",
    uses=_DINOV2,
    drops={
        rf"{DINO_TEACHER}mask_token": MASK_TOKEN,
        r"teacher\.(?:module\.)?(?:dino_head|ibot_head)\..*": "projection head of DINO's or iBOT's loss",
    },
    finish=registers,
)
