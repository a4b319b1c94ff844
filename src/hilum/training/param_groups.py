"""Parameter groups for weight decay and layer-wise learning-rate decay."""

from typing import Any

from torch import nn

from hilum.encoders.zoo import Encoder


def decay_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Split the trainable parameters of a module into groups with and without weight decay; empty groups are omitted.

    Biases and gains of norms (one dimension) are not decayed (He et al., "Bag of tricks", CVPR 2019, §3.1).
    """
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    groups = [
        {
            "params": [parameter for parameter in trainable if parameter.ndim >= 2],
            "weight_decay": weight_decay,
            "decays": True,
        },
        {
            "params": [parameter for parameter in trainable if parameter.ndim < 2],
            "weight_decay": 0.0,
            "decays": False,
        },
    ]
    return [group for group in groups if group["params"]]


def encoder_groups(encoder: Encoder, weight_decay: float, lr: float, layer_decay: float) -> list[dict[str, Any]]:
    """Create parameter groups with layer-wise learning-rate decay (Bao et al., BEiT, ICLR 2022; DINOv2).

    Of n blocks after the stem (`Encoder.named_blocks`), block i from 1 has lr · layer_decay^(n + 1 - i), and the stem
    lr · layer_decay^(n + 1). With `layer_decay` 1 as `decay_groups`.
    """
    if layer_decay == 1:
        return decay_groups(encoder, weight_decay)
    blocks = encoder.blocks
    return [
        {**group, "lr": lr * layer_decay ** (len(blocks) - place)}
        for place, block in enumerate(blocks)
        for group in decay_groups(block, weight_decay)
    ]


def layered_groups(module: nn.Module, weight_decay: float, lr: float, layer_decay: float) -> list[dict[str, Any]]:
    """Create groups of a module: `encoder_groups` of the encoders within, `decay_groups` of the rest."""
    if layer_decay == 1:
        return decay_groups(module, weight_decay)
    trained = [
        each
        for each in module.modules()
        if isinstance(each, Encoder) and any(parameter.requires_grad for parameter in each.parameters())
    ]
    within = {id(parameter) for encoder in trained for parameter in encoder.parameters()}
    rest = nn.ParameterList([parameter for parameter in module.parameters() if id(parameter) not in within])
    slower = [group for each in trained for group in encoder_groups(each, weight_decay, lr, layer_decay)]
    return [*slower, *decay_groups(rest, weight_decay)]
