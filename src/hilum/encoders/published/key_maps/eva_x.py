"""EVA-X, a masked-image-modelling checkpoint of EVA-02.

Definition: hustvl/EVA-X eva_x.py, on baaivision/EVA EVA-02/asuka/modeling_pretrain.py and modeling_finetune.py. Tiny
and small have one qkv matrix and a packed SwiGLU (w12); base has three projections, two gates and norms inside. The
final norm moves behind the pooling, as eva_x.py moves it.
"""

from torch import Tensor

from hilum.encoders.published.key_maps.key_patterns import AFFINE, TRAINING_STATE
from hilum.encoders.published.key_maps.layout import Layout, Shapes, Use


def _biases(tensors: dict[str, Tensor], wanted: Shapes) -> dict[str, Tensor]:
    """Rename biases to those of timm's separate projections, if the body has them."""
    own = {key: f"{key[: -len('q_bias')]}{key[-len('q_bias')]}_proj.bias" for key in tensors if key.endswith("_bias")}
    return {own[key] if own.get(key) in wanted else key: tensor for key, tensor in tensors.items()}


EVA_X = Layout(
    title="EVA-X's ViT",
    prefix=r"(?:model_ema\.)?(?:model\.)?(?:module\.)?",
    sign=r"blocks\.\d+\.attn\.q_bias",
    uses=(
        Use(r"(cls_token|pos_embed)", r"\1"),
        Use(rf"patch_embed\.proj\.{AFFINE}", r"patch_embed.proj.\1"),
        Use(rf"(?:norm|fc_norm)\.{AFFINE}", r"fc_norm.\1"),
        Use(rf"blocks\.(\d+)\.(norm1|norm2|attn\.proj)\.{AFFINE}", r"blocks.\1.\2.\3"),
        Use(r"blocks\.(\d+)\.attn\.(qkv|q_proj|k_proj|v_proj)\.weight", r"blocks.\1.attn.\2.weight"),
        Use(r"blocks\.(\d+)\.attn\.([qv])_bias", r"blocks.\1.attn.\2_bias"),
        Use(rf"blocks\.(\d+)\.attn\.inner_attn_ln\.{AFFINE}", r"blocks.\1.attn.norm.\2"),
        Use(rf"blocks\.(\d+)\.mlp\.w12\.{AFFINE}", r"blocks.\1.mlp.fc1.\2"),
        Use(rf"blocks\.(\d+)\.mlp\.w1\.{AFFINE}", r"blocks.\1.mlp.fc1_g.\2"),
        Use(rf"blocks\.(\d+)\.mlp\.w2\.{AFFINE}", r"blocks.\1.mlp.fc1_x.\2"),
        Use(rf"blocks\.(\d+)\.mlp\.w3\.{AFFINE}", r"blocks.\1.mlp.fc2.\2"),
        Use(rf"blocks\.(\d+)\.mlp\.ffn_ln\.{AFFINE}", r"blocks.\1.mlp.norm.\2"),
    ),
    classifier=rf"(?:model_ema\.)?(?:model\.)?(?:module\.)?head\.{AFFINE}",
    angles=r".*rope\.freqs_(cos|sin)",
    drops={
        r".*mask_token": "the token that stands for a masked patch",
        rf".*lm_head\.{AFFINE}": "the prediction of the tokenizer's features",
        **TRAINING_STATE,
    },
    finish=_biases,
)
