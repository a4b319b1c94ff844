"""Freezing of all but the last blocks of an encoder, and parameter counts by layer group.

Blocks are defined by the family (`hilum.encoders.families`, `hilum.encoders.toh2023`): stages of a ResNet, dense blocks
of a DenseNet, residual blocks of a ConvNeXt, transformer blocks of a ViT or Swin, as in Tables 2 to 6 of Elwirehardja
et al. (2025). In all families:

- the stem is everything before the first block: patch embedding or first convolution with its norm, class token,
  registers and position embeddings; it is only trained with "all";
- downsampling between two blocks belongs to the second one, in a DenseNet to the first one;
- the last norm belongs to the last block.
"""

from dataclasses import asdict
from typing import Any, Literal

from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.toh2023 import PAPER_FORMS, paper_groups
from hilum.encoders.weightless import weightless
from hilum.encoders.zoo import Encoder, count_parameters, create_encoder
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


def layer_groups(encoder: Encoder) -> dict[str, int]:
    """Count the parameters of stem and blocks, in forward order; together all parameters."""
    return {name: count_parameters(block) for name, block in encoder.named_blocks.items()}


def describe_encoder(name: str) -> dict[str, Any]:
    """Describe an encoder for `hilum encoders NAME`, without initialising weights.

    Returns:
        `architecture` as in the catalogue, `sizes`, `grid` (rows and columns of the last features) for images of `at`
        px, `groups` (parameters), and `published`: parameters as counted in the paper, or None.

    Raises:
        HilumError: Unknown encoder.
    """
    with weightless():
        encoder = create_encoder(name, seed=0)
    architecture = encoder.architecture
    return {
        "architecture": asdict(architecture),
        "sizes": architecture.sizes,
        "at": architecture.size,
        "grid": encoder.patch_grid(architecture.size),
        "groups": layer_groups(encoder),
        "published": _published(name),
    }


def _published(name: str) -> dict[str, Any] | None:
    if name not in PAPER_FORMS:
        return None
    form = PAPER_FORMS[name]
    return {
        "title": form.title,
        "count": ARCHITECTURES[name].published,
        "what": "parameters, running means and variances included" if form.counts_statistics else "parameters",
        "groups": paper_groups(name),
    }
