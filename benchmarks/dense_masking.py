"""ConvNeXt V2 on visible patches as a plain loop has it: whole maps, multiplied by the mask wherever places meet.

Woo et al. name it, beside sparse convolutions, in §3 of their paper (CVPR 2023). `hilum.pretext.masking.convnext` gives
the same values; `pretext_throughput.py` compares their speed.
"""

from typing import Any

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from hilum.encoders.zoo import Encoder


def densely_masked_features(encoder: Encoder, images: Tensor, visible: Tensor) -> Tensor:
    """As `hilum.pretext.masking.convnext.visible_features`."""
    body: Any = encoder.body
    mask = visible[:, None].to(images.dtype)
    features = body.stem((images * _as_fine_as(mask, images) - encoder.mean) / encoder.std)
    features = features * _as_fine_as(mask, features)
    for stage in body.stages:
        features = stage.downsample(features)
        fine = _as_fine_as(mask, features)
        features = features * fine
        for block in stage.blocks:
            inner = block.conv_dw(features) * fine
            wide = block.mlp.act(block.mlp.fc1(block.norm(inner))) * fine
            features = features + block.mlp.fc2(block.mlp.grn(wide)) * fine
    masked: Tensor = features
    return masked


def _as_fine_as(mask: Tensor, features: Tensor) -> Tensor:
    return F.interpolate(mask, size=features.shape[2:], mode="nearest")
