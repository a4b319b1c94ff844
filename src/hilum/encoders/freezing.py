"""Training only the last blocks of an encoder.

What a block is, is the family's to say (`hilum.encoders.families`, `hilum.encoders.toh2023`): stages of a ResNet, dense
blocks of a DenseNet, residual blocks of a ConvNeXt, transformer blocks of a ViT or a Swin, as in Tables 2 to 6 of
Elwirehardja et al. (2025). In all of them:

- the stem holds all that comes before the first block: patch embedding or first convolution with its norm, class token,
  registers and position embeddings. It trains with "all" only;
- what narrows the map between two blocks belongs to the block behind it, in a DenseNet to the one before it;
- the last norm belongs to the last block, and is frozen where nothing is unfrozen.
"""

from typing import Literal

from hilum.encoders.zoo import Encoder
from hilum.errors import HilumError


def freeze_all_but_last(encoder: Encoder, unfreeze: int | Literal["all"]) -> None:
    """Let the last blocks train and freeze what comes before them.

    Frozen blocks keep their weights and their batch-norm statistics: their batch norm stays in evaluation mode also
    when the encoder trains.

    Args:
        encoder: changed in place.
        unfreeze: 0 freezes everything (linear probe); k lets the last k blocks behind the stem train; "all" lets
            everything train, the stem included.

    Raises:
        HilumError: the encoder has fewer blocks.
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
