"""Sparse ConvNeXt V2: the encoder on the visible patches of an image, with dense convolutions.

Woo et al., "ConvNeXt V2: co-designing and scaling ConvNets with masked autoencoders", CVPR 2023, §3: a sparse
convolution computes at visible positions from visible positions. A dense one gives the same if masked positions are
zero before it and dropped after it. Only the depthwise convolutions cross patch borders; they run on whole maps. All
other layers (stem, downsampling, norms, pointwise layers, global response normalisation) run on packed maps that hold
the visible patches only, the same number of each image.
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
    """Indices of the visible patches of a batch.

    Attributes:
        grid: Number of images, rows and columns of patches.
        images, rows, columns: Indices of each visible patch, (images · visible,), ordered by image.
    """

    grid: tuple[int, int, int]
    images: Tensor
    rows: Tensor
    columns: Tensor

    @classmethod
    def of(cls, visible: Tensor, device: torch.device | None = None) -> "VisiblePatches":
        """Create from a mask.

        Args:
            visible: Mask, (B, rows, columns), True where visible; in host memory, which avoids a GPU synchronisation.
            device: Device of the maps; None: that of the mask.

        Raises:
            ValueError: Different numbers of visible patches per image, or none.
        """
        shown = visible.cpu().numpy()
        counts = shown.sum(axis=(1, 2))
        if not counts[0] or (counts != counts[0]).any():
            raise ValueError(
                f"each image must have the same number of visible patches, at least 1, not {counts.tolist()}"
            )
        images, rows, columns = to_device(np.stack(shown.nonzero()), visible.device if device is None else device)
        return cls((visible.shape[0], visible.shape[1], visible.shape[2]), images, rows, columns)

    def pack(self, maps: Tensor) -> Tensor:
        """Stack the visible patches of each image, (B, C, rows · s, columns · s) to (B, C, visible · s, s)."""
        packed: Tensor = _Linear.apply(maps, self.take, self.put)
        return packed

    def unpack(self, packed: Tensor) -> Tensor:
        """Undo `pack`, with zeros at masked patches: (B, C, visible · s, s) to (B, C, rows · s, columns · s)."""
        maps: Tensor = _Linear.apply(packed, self.put, self.take)
        return maps

    def take(self, maps: Tensor) -> Tensor:
        """Compute `pack` without gradients."""
        images, rows, columns = self.grid
        side = maps.shape[2] // rows
        cells = maps.permute(0, 2, 3, 1).reshape(images, rows, side, columns, side, -1)
        patches = cells[self.images, self.rows, :, self.columns]  # (images · visible, s, s, C)
        return patches.reshape(images, -1, side, maps.shape[1]).permute(0, 3, 1, 2)

    def put(self, packed: Tensor) -> Tensor:
        """Compute `unpack` without gradients."""
        images, rows, columns = self.grid
        channels, side = packed.shape[1], packed.shape[3]
        cells = packed.new_zeros(images, rows, side, columns, side, channels)
        cells[self.images, self.rows, :, self.columns] = packed.permute(0, 2, 3, 1).reshape(-1, side, side, channels)
        return cells.view(images, rows * side, columns * side, channels).permute(0, 3, 1, 2)


class _Linear(torch.autograd.Function):
    """A linear map with its adjoint as backward pass: `take` and `put` are adjoint.

    Patches are unique, so gradients are assigned; torch's own indexing would accumulate them patch by patch.
    """

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, map_: Callable[[Tensor], Tensor], adjoint: Callable[[Tensor], Tensor]
    ) -> Tensor:
        ctx.adjoint = adjoint
        return map_(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return ctx.adjoint(gradient), None, None


def check_is_convnext_v2(encoder: Encoder) -> None:
    """Check that an encoder is a ConvNeXt V2.

    Raises:
        HilumError: It is not.
    """
    if not ARCHITECTURES[encoder.name].response_norm:
        raise HilumError(
            "encoder of fcmae",
            expected="a ConvNeXt V2 (global response normalisation makes it suitable for masked patches)",
            found=encoder.name,
            fix="Use convnextv2_atto or larger, or another method: simclr, mocov2, swav and dino take every encoder.",
        )


def visible_features(encoder: Encoder, images: Tensor, visible: Tensor) -> Tensor:
    """Compute features from the visible patches only.

    Args:
        encoder: A ConvNeXt V2 (`check_is_convnext_v2`).
        images: Images, (B, 1, H, W) in [0, 1]; H and W are multiples of the encoder's patch.
        visible: Mask on the encoder's patch grid, (B, rows, columns), True where visible, the same number in every
            image; in host memory.

    Returns:
        (B, width, rows, columns), zero at masked patches and independent of their pixels.
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
    """Compute a residual block at the visible patches.

    Args:
        block: timm's `ConvNeXtBlock` with global response normalisation and without layer scale.
        features: Packed features, (B, C, visible · s, s).
        patches: Indices of the visible patches.

    Returns:
        Packed features, (B, C, visible · s, s).
    """
    parts: Any = block
    inner = patches.pack(parts.conv_dw(patches.unpack(features)))
    if parts.use_conv_mlp:
        inner = parts.mlp(parts.norm(inner))
    else:  # timm's larger models use channels last here
        inner = parts.mlp(parts.norm(inner.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
    out: Tensor = features + parts.drop_path(inner)
    return out
