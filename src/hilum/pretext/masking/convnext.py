"""ConvNeXt V2 on the visible part of an image: dense convolutions that give what sparse ones would.

Woo et al., "ConvNeXt V2: co-designing and scaling ConvNets with masked autoencoders", CVPR 2023, §3: a sparse
convolution computes at visible places, from visible places. A dense one does the same if hidden places are zero before
it, and are dropped behind it. Only the depthwise convolutions look across patches, and run on whole maps so. All else
(stem and downsampling, whose windows lie within a patch, norms, products, and the response normalisation, which sums
over places) sees the visible patches alone.

The visible patches of images, side by side in a map of their own, so that hidden ones need not be computed.

A masked autoencoder hides most of an image, and as many patches of each. Whatever looks at one place at a time, or at
places of one patch only, need not know about the others; only what looks across patches needs them back in place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hilum.data.transfer import to_device
from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.zoo import Encoder
from hilum.errors import HilumError
from hilum.training.activation_checkpointing import run_block


@dataclass(frozen=True)
class VisiblePatches:
    """Which patches are visible.

    Attributes:
        grid: images, rows and columns of patches.
        images, rows, columns: of each visible patch, (images · visible); those of one image follow each other.
    """

    grid: tuple[int, int, int]
    images: Tensor
    rows: Tensor
    columns: Tensor

    @classmethod
    def of(cls, visible: Tensor, device: torch.device | None = None) -> "VisiblePatches":
        """From a mask, (B, rows, columns), True where visible; in host memory, so that no GPU is waited for.

        Args:
            visible: the mask.
            device: where the maps will be; None: where the mask is.

        Raises:
            ValueError: not as many are visible of every image, or none is.
        """
        shown = visible.cpu().numpy()
        counts = shown.sum(axis=(1, 2))
        if not counts[0] or (counts != counts[0]).any():
            raise ValueError(f"as many patches of every image must be visible, and at least one, not {counts.tolist()}")
        images, rows, columns = to_device(np.stack(shown.nonzero()), visible.device if device is None else device)
        return cls((visible.shape[0], visible.shape[1], visible.shape[2]), images, rows, columns)

    def pack(self, maps: Tensor) -> Tensor:
        """(B, C, rows · s, columns · s) to (B, C, visible · s, s): of each image, one patch below another."""
        packed: Tensor = _Linear.apply(maps, self.taken, self.put)
        return packed

    def unpack(self, packed: Tensor) -> Tensor:
        """(B, C, visible · s, s) to (B, C, rows · s, columns · s): in their places, and zero at hidden ones."""
        maps: Tensor = _Linear.apply(packed, self.put, self.taken)
        return maps

    def taken(self, maps: Tensor) -> Tensor:
        """As `pack`, without gradients."""
        images, rows, columns = self.grid
        side = maps.shape[2] // rows
        cells = maps.permute(0, 2, 3, 1).reshape(images, rows, side, columns, side, -1)
        patches = cells[self.images, self.rows, :, self.columns]  # (images · visible, s, s, C)
        return patches.reshape(images, -1, side, maps.shape[1]).permute(0, 3, 1, 2)

    def put(self, packed: Tensor) -> Tensor:
        """As `unpack`, without gradients."""
        images, rows, columns = self.grid
        channels, side = packed.shape[1], packed.shape[3]
        cells = packed.new_zeros(images, rows, side, columns, side, channels)
        cells[self.images, self.rows, :, self.columns] = packed.permute(0, 2, 3, 1).reshape(-1, side, side, channels)
        return cells.view(images, rows * side, columns * side, channels).permute(0, 3, 1, 2)


class _Linear(torch.autograd.Function):
    """A linear map and its adjoint: `taken` and `put` are each other's.

    No patch is taken twice, so a gradient is put; torch's own would add, one patch after another.
    """

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, there: Callable[[Tensor], Tensor], back: Callable[[Tensor], Tensor]
    ) -> Tensor:
        ctx.back = back
        return there(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return ctx.back(gradient), None, None


def check_is_convnext_v2(encoder: Encoder) -> None:
    """Refuse an encoder that is no ConvNeXt V2.

    Raises:
        HilumError: it is another one.
    """
    if not ARCHITECTURES[encoder.name].response_norm:
        raise HilumError(
            "encoder of fcmae",
            expected="a ConvNeXt V2, which global response normalisation makes fit for hidden patches",
            found=encoder.name,
            fix="Use convnextv2_atto or larger, or another method: simclr, mocov2, swav and dino take every encoder.",
        )


def visible_features(encoder: Encoder, images: Tensor, visible: Tensor) -> Tensor:
    """Features of images of which some patches are hidden.

    Args:
        encoder: checked by `check_is_convnext_v2`.
        images: (B, 1, H, W) in [0, 1]; H and W are multiples of the encoder's patch.
        visible: (B, rows, columns) of the encoder's patch grid, True where visible; as many of every image. In host
            memory.

    Returns:
        (B, width, rows, columns), zero at hidden places. Nothing of a hidden patch has a part in it.
    """
    body: Any = encoder.body
    patches = VisiblePatches.of(visible, images.device)
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
