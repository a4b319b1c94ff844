"""Rules shared by several layouts, and tables of rules."""

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from hilum.encoders.published.key_maps.layout import Change, Layout, Use

AFFINE = r"(weight|bias)"
BATCH_NORM = r"(?:weight|bias|running_mean|running_var|num_batches_tracked)"

COUNTER = {r".*num_batches_tracked": 0.0}
"""Batch counters of batch norm, missing before torch 0.4.1 and unused with fixed momentum."""

TRAINING_STATE = {
    r"(?:optimizer|optimizer_state|scaler|fp16_scaler|amp|lr_scheduler)(?:\..*)?": "state of the optimiser",
    r"(?:epoch|iteration|best_acc1|best_loss|start_epoch)": "a counter",
}

_SIGNS = re.compile(r"[#@%]|\{[^}]*\}")
_GROUPS = {"#": r"(\d+)", "@": AFFINE, "%": f"({BATCH_NORM})"}


def uses(table: str, change: Change | None = None, *, parts: Sequence[str] = ()) -> tuple[Use, ...]:
    """Create rules from lines `native key = key of the body`.

    Both keys have the same signs in the same order: `#` for a number, `@` for weight or bias, `%` for a tensor of a
    batch norm, `{a,b}` for one of several words (`{}` in the key of the body).

    Args:
        table: Lines of rules.
        change: Conversion of the tensors; None: unchanged.
        parts: Words for `$` in the native key of tensors that are concatenated to one of the body's, in order.

    Example:
        >>> uses("layer.#.up.@ = blocks.#.mlp.fc1.@")[0].pattern
        'layer\\.(\\d+)\\.up\\.(weight|bias)'
    """
    rules = []
    for line in table.strip().splitlines():
        native, key = (side.strip() for side in line.split(" = "))
        for part, name in enumerate(parts or ("",)):
            pattern, template = _pattern(native.replace("$", name)), _template(key)
            rules.append(Use(pattern, template, change, part, len(parts) or 1))
    return tuple(rules)


def _pattern(native: str) -> str:
    texts, signs = _SIGNS.split(native), _SIGNS.findall(native)
    groups = [_GROUPS.get(sign) or f"({sign[1:-1].replace(',', '|')})" for sign in signs]
    return "".join(re.escape(text) + group for text, group in zip(texts, [*groups, ""], strict=True))


def _template(key: str) -> str:
    texts = _SIGNS.split(key)
    return texts[0] + "".join(f"\\{number}{text}" for number, text in enumerate(texts[1:], 1))


RESNET = uses("""
    conv1.weight = conv1.weight
    bn1.% = bn1.%
    layer#.#.{conv1,conv2,conv3}.weight = layer#.#.{}.weight
    layer#.#.{bn1,bn2,bn3}.% = layer#.#.{}.%
    layer#.#.downsample.0.weight = layer#.#.downsample.0.weight
    layer#.#.downsample.1.% = layer#.#.downsample.1.%
""")
"""ResNets in torchvision's names, the same as timm's."""

VIT_BLOCK = uses("blocks.#.{norm1,norm2,attn.qkv,attn.proj,mlp.fc1,mlp.fc2}.@ = blocks.#.{}.@")
"""Transformer block in timm's names, also used by most public code."""

VIT_FRAME = uses("""
    {cls_token,pos_embed} = {}
    {patch_embed.proj,norm}.@ = {}.@
""")
"""Embeddings and last norm of a vision transformer."""


def resnet_layout(
    title: str, prefix: str = "", *, drops: Mapping[str, str] | None = None, classifier: str = ""
) -> Layout:
    """Return the layout of a ResNet in torchvision's names.

    Args:
        title, prefix, classifier: As in `Layout`.
        drops: As in `Layout`.
    """
    return Layout(
        title=title,
        prefix=prefix,
        sign=r"layer4\.\d+\.conv2\.weight",
        uses=RESNET,
        classifier=classifier,
        drops=drops or {},
        neutral=COUNTER,
    )


def as_wanted(tensor: Tensor, wanted: torch.Size | None) -> Tensor:
    """Reshape a tensor to the required shape if only axes of length 1 differ."""
    if wanted is None or [n for n in tensor.shape if n > 1] != [n for n in wanted if n > 1]:
        return tensor  # reported by the comparison of shapes
    return tensor.reshape(wanted)
