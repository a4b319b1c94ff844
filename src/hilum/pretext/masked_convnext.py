"""ConvNeXt V2 on the visible part of a film: dense convolutions that give what sparse ones would.

Woo et al., "ConvNeXt V2: co-designing and scaling ConvNets with masked autoencoders", CVPR 2023, §3: a sparse
convolution computes at visible places, from visible places. A dense one does the same if hidden places are zero before
and after it. So must they be before global response normalisation, which sums over places.
"""

from typing import Any

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from hilum.encoders.zoo import Encoder
from hilum.errors import HilumError
from hilum.training.recompute import run_block


def check_is_convnext_v2(encoder: Encoder) -> None:
    """Refuse an encoder that is no ConvNeXt V2.

    Raises:
        HilumError: it is another one.
    """
    if not encoder.name.startswith("convnextv2"):
        raise HilumError(
            "encoder of fcmae",
            expected="a ConvNeXt V2, which global response normalisation makes fit for hidden patches",
            found=encoder.name,
            fix="Use convnextv2_atto or larger, or another method: simclr, mocov2, swav and dino take every encoder.",
        )


def visible_features(encoder: Encoder, images: Tensor, visible: Tensor) -> Tensor:
    """Features of films of which some patches are hidden.

    Args:
        encoder: checked by `check_is_convnext_v2`.
        images: (B, 1, H, W) in [0, 1]; H and W are multiples of the encoder's patch.
        visible: (B, rows, columns) of the encoder's patch grid, 1 where visible, 0 where hidden.

    Returns:
        (B, width, rows, columns), zero at hidden places. Nothing of a hidden patch has a part in it.
    """
    body: Any = encoder.body
    mask = visible[:, None].to(images.dtype)
    shown = images * _as_fine_as(mask, images)
    features = body.stem((shown - encoder.mean) / encoder.std)
    features = features * _as_fine_as(mask, features)
    for stage in body.stages:
        features = stage.downsample(features)
        fine = _as_fine_as(mask, features)
        features = features * fine
        for block in stage.blocks:
            features = run_block(masked_block, block, features, fine)
    masked: Tensor = features
    return masked


def masked_block(block: nn.Module, features: Tensor, visible: Tensor) -> Tensor:
    """A residual block at the visible places.

    Args:
        block: timm's `ConvNeXtBlock` with global response normalisation and without layer scale.
        features: (B, C, h, w), zero at hidden places.
        visible: (B, 1, h, w), 1 or 0.

    Returns:
        (B, C, h, w), zero at hidden places.
    """
    parts: Any = block
    inner, mask = parts.conv_dw(features) * visible, visible
    if not parts.use_conv_mlp:  # timm has the larger ones with channels last
        inner, mask = inner.permute(0, 2, 3, 1), visible.permute(0, 2, 3, 1)
    wide = parts.mlp.act(parts.mlp.fc1(parts.norm(inner))) * mask
    inner = parts.mlp.fc2(parts.mlp.grn(wide)) * mask
    if not parts.use_conv_mlp:
        inner = inner.permute(0, 3, 1, 2)
    out: Tensor = features + parts.drop_path(inner)
    return out


def _as_fine_as(mask: Tensor, features: Tensor) -> Tensor:
    """The mask at the resolution of a map; each of its places becomes a square of them."""
    return F.interpolate(mask, size=features.shape[2:], mode="nearest")
