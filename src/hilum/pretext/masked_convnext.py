"""ConvNeXt V2 on the visible part of a film: dense convolutions that give what sparse ones would.

Woo et al., "ConvNeXt V2: co-designing and scaling ConvNets with masked autoencoders", CVPR 2023, §3: a sparse
convolution computes at visible places, from visible places. A dense one does the same if hidden places are zero before
it, and are dropped behind it. Only the depthwise convolutions look across patches, and run on whole maps so. All else
(stem and downsampling, whose windows lie within a patch, norms, products, and the response normalisation, which sums
over places) sees the visible patches alone.
"""

from typing import Any

from torch import Tensor, nn

from hilum.encoders.zoo import Encoder
from hilum.errors import HilumError
from hilum.pretext.visible_patches import VisiblePatches
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
        visible: (B, rows, columns) of the encoder's patch grid, True where visible; as many of every film.

    Returns:
        (B, width, rows, columns), zero at hidden places. Nothing of a hidden patch has a part in it.
    """
    body: Any = encoder.body
    patches = VisiblePatches.of(visible)
    features = body.stem((patches.pack(images) - encoder.mean) / encoder.std)
    for stage in body.stages:
        features = stage.downsample(features)
        for block in stage.blocks:
            features = run_block(masked_block, block, features, patches)
    return patches.unpack(features)


def masked_block(block: nn.Module, features: Tensor, patches: VisiblePatches) -> Tensor:
    """A residual block at the visible places.

    Args:
        block: timm's `ConvNeXtBlock` with global response normalisation and without layer scale.
        features: (B, C, visible · s, s), packed.
        patches: which are visible.

    Returns:
        (B, C, visible · s, s), packed.
    """
    parts: Any = block
    inner = patches.pack(parts.conv_dw(patches.unpack(features)))
    if parts.use_conv_mlp:
        inner = parts.mlp(parts.norm(inner))
    else:  # timm has the larger ones with channels last
        inner = parts.mlp(parts.norm(inner.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
    out: Tensor = features + parts.drop_path(inner)
    return out
