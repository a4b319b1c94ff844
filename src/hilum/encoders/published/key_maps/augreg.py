"""AugReg's ViT, an npz file of Flax.

Definition: google-research/vision_transformer vit_jax/models_vit.py. A kernel has the inputs first: (in, out) of a
dense layer, (in, heads, width) of queries, keys and values, (heads, width, out) of the attention's output,
(height, width, in, out) of the patch embedding.
"""

import torch
from torch import Tensor

from hilum.encoders.published.key_maps.layout import Change, Layout, Use


def _dense(inputs: int) -> Change:
    """Convert the kernel of a dense layer with `inputs` input axes to torch's weight (out, in)."""

    def change(kernel: Tensor, wanted: torch.Size | None) -> Tensor:  # noqa: ARG001
        return kernel.flatten(0, inputs - 1).flatten(1).T

    return change


def _flat(tensor: Tensor, wanted: torch.Size | None) -> Tensor:  # noqa: ARG001
    return tensor.flatten()


def _patches(kernel: Tensor, wanted: torch.Size | None) -> Tensor:  # noqa: ARG001
    return kernel.permute(3, 2, 0, 1)


_BLOCK = r"Transformer/encoderblock_(\d+)"
_ATTENTION = _BLOCK + r"/MultiHeadDotProductAttention_1"


def _norm(native: str, key: str) -> tuple[Use, Use]:
    return Use(rf"{native}/scale", rf"{key}.weight"), Use(rf"{native}/bias", rf"{key}.bias")


AUGREG = Layout(
    title="AugReg's ViT, an npz of Flax",
    prefix=r"(?:opt/target/)?",
    sign=r"Transformer/encoderblock_0/MultiHeadDotProductAttention_1/query/kernel",
    uses=(
        Use(r"cls", "cls_token"),
        Use(r"Transformer/posembed_input/pos_embedding", "pos_embed"),
        Use(r"embedding/kernel", "patch_embed.proj.weight", _patches),
        Use(r"embedding/bias", "patch_embed.proj.bias"),
        *_norm(_BLOCK + "/LayerNorm_0", r"blocks.\1.norm1"),
        *_norm(_BLOCK + "/LayerNorm_2", r"blocks.\1.norm2"),
        *_norm("Transformer/encoder_norm", "norm"),
        *(
            use
            for part, name in enumerate(("query", "key", "value"))
            for use in (
                Use(rf"{_ATTENTION}/{name}/kernel", r"blocks.\1.attn.qkv.weight", _dense(1), part, 3),
                Use(rf"{_ATTENTION}/{name}/bias", r"blocks.\1.attn.qkv.bias", _flat, part, 3),
            )
        ),
        Use(rf"{_ATTENTION}/out/kernel", r"blocks.\1.attn.proj.weight", _dense(2)),
        Use(rf"{_ATTENTION}/out/bias", r"blocks.\1.attn.proj.bias"),
        *(
            use
            for native, key in (("Dense_0", "fc1"), ("Dense_1", "fc2"))
            for use in (
                Use(rf"{_BLOCK}/MlpBlock_3/{native}/kernel", rf"blocks.\1.mlp.{key}.weight", _dense(1)),
                Use(rf"{_BLOCK}/MlpBlock_3/{native}/bias", rf"blocks.\1.mlp.{key}.bias"),
            )
        ),
    ),
    classifier=r"(?:opt/target/)?head/(?:kernel|bias)",
    drops={
        r"(?:opt/target/)?pre_logits/(?:kernel|bias)": "the layer before the classifier of the original task",
    },
)
