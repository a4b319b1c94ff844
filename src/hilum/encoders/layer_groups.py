"""How an encoder's parameters are spread over its layer groups."""

from dataclasses import asdict
from typing import Any

from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.toh2023 import PAPER_FORMS, paper_groups
from hilum.encoders.weightless import weightless
from hilum.encoders.zoo import Encoder, count_parameters, create_encoder


def layer_groups(encoder: Encoder) -> dict[str, int]:
    """Parameters of the stem and of each block, in the order in which an image passes them; together, all of them."""
    return {name: count_parameters(block) for name, block in encoder.named_blocks.items()}


def describe_encoder(name: str) -> dict[str, Any]:
    """What `hilum encoders NAME` says of one encoder; no weight is drawn.

    Returns:
        `architecture` as in the catalogue, `sizes`, `grid` (rows and columns of places) at an image of `at` px,
        `groups` (of the encoder), and `published`: the network as its paper counts it, or None.

    Raises:
        HilumError: there is no such encoder.
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
