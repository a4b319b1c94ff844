"""Freezing of all but the last blocks of an encoder.

Blocks are defined by the family (`hilum.encoders.families`, `hilum.encoders.toh2023`): stages of a ResNet, dense blocks
of a DenseNet, residual blocks of a ConvNeXt, transformer blocks of a ViT or Swin, as in Tables 2 to 6 of Elwirehardja
et al. (2025). In all families:

- the stem is everything before the first block: patch embedding or first convolution with its norm, class token,
  registers and position embeddings; it is only trained with "all";
- downsampling between two blocks belongs to the second one, in a DenseNet to the first one;
- the last norm belongs to the last block.
"""

from typing import Literal

from hilum.encoders.zoo import Encoder
from hilum.errors import HilumError


def freeze_all_but_last(encoder: Encoder, unfreeze: int | Literal["all"]) -> None:
    """Freeze all but the last blocks.

    Batch norm of frozen blocks stays in evaluation mode during training.

    Args:
        encoder: Encoder, changed in place.
        unfreeze: Number of trainable blocks from the end; 0 freezes everything (linear probe), "all" trains everything
            including the stem.

    Raises:
        HilumError: The encoder has fewer blocks.
    """
    blocks = encoder.blocks
    if unfreeze != "all" and not 0 <= unfreeze < len(blocks):
        raise HilumError(
            "unfreeze",
            expected=f"0 to {len(blocks) - 1}, or all",
            found=f"{unfreeze} blocks, but {encoder.name} has {len(blocks) - 1}",
            fix="Unfreeze fewer.",
        )
    encoder.frozen_blocks = 0 if unfreeze == "all" else len(blocks) - unfreeze
    for place, block in enumerate(blocks):
        block.requires_grad_(place >= encoder.frozen_blocks)
    encoder.train(encoder.training)
