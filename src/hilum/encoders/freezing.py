"""Training only the last blocks of an encoder."""

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
