"""Parameter counts of an encoder by layer group."""

from dataclasses import asdict
from typing import Any

from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.toh2023 import PAPER_FORMS, paper_groups
from hilum.encoders.weightless import weightless
from hilum.encoders.zoo import Encoder, count_parameters, create_encoder


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
