"""EVA-X, a masked-image-modelling checkpoint of EVA-02.

Definition: hustvl/EVA-X eva_x.py, on baaivision/EVA EVA-02/asuka/modeling_pretrain.py and modeling_finetune.py. Tiny
and small have one qkv matrix and a packed SwiGLU (w12); base has three projections, two gates and norms inside. The
final norm moves behind the pooling, as eva_x.py moves it.
"""

from torch import Tensor

from hilum.encoders.published.key_maps.key_patterns import AFFINE, TRAINING_STATE, uses
from hilum.encoders.published.key_maps.layout import Layout, Shapes


def _biases(tensors: dict[str, Tensor], wanted: Shapes) -> dict[str, Tensor]:
    """Rename biases to those of timm's separate projections, if the body has them."""
    own = {key: f"{key[: -len('q_bias')]}{key[-len('q_bias')]}_proj.bias" for key in tensors if key.endswith("_bias")}
    return {own[key] if own.get(key) in wanted else key: tensor for key, tensor in tensors.items()}


EVA_X = Layout(
    title="EVA-X's ViT",
    prefix=r"(?:model_ema\.)?(?:model\.)?(?:module\.)?",
    sign=r"blocks\.\d+\.attn\.q_bias",
    uses=uses("""
        {cls_token,pos_embed} = {}
        patch_embed.proj.@ = patch_embed.proj.@
        norm.@ = fc_norm.@
        fc_norm.@ = fc_norm.@
        blocks.#.{norm1,norm2,attn.proj}.@ = blocks.#.{}.@
        blocks.#.attn.{qkv,q_proj,k_proj,v_proj}.weight = blocks.#.attn.{}.weight
        blocks.#.attn.{q,v}_bias = blocks.#.attn.{}_bias
        blocks.#.attn.inner_attn_ln.@ = blocks.#.attn.norm.@
        blocks.#.mlp.w12.@ = blocks.#.mlp.fc1.@
        blocks.#.mlp.w1.@ = blocks.#.mlp.fc1_g.@
        blocks.#.mlp.w2.@ = blocks.#.mlp.fc1_x.@
        blocks.#.mlp.w3.@ = blocks.#.mlp.fc2.@
        blocks.#.mlp.ffn_ln.@ = blocks.#.mlp.norm.@
    """),
    classifier=rf"(?:model_ema\.)?(?:model\.)?(?:module\.)?head\.{AFFINE}",
    angles=r".*rope\.freqs_(cos|sin)",
    drops={
        r".*mask_token": "the token that stands for a masked patch",
        rf".*lm_head\.{AFFINE}": "the prediction of the tokenizer's features",
        **TRAINING_STATE,
    },
    finish=_biases,
)
