"""Hints for files that do not match: other layouts, prefixes or encoders that fit."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.published.identity import classes_in
from hilum.encoders.published.key_maps import LAYOUTS
from hilum.encoders.published.key_maps.layout import Layout, map_keys
from hilum.encoders.published.registry import PublishedWeights, published_weights
from hilum.encoders.weightless import weightless
from hilum.encoders.zoo import FAMILIES
from hilum.errors import HilumError, HilumErrors


def no_layout_fits(row: PublishedWeights, tensors: Mapping[str, Tensor], where: Path) -> HilumError:
    """Return the error of a file whose keys match none of a row's layouts."""
    shown = ", ".join(list(tensors)[:3]) or "no tensors"
    found = f"{len(tensors):,} tensors with other names ({shown})"
    fix = "`hilum weights list` shows what there is; give the file's own name with --as."
    fitting = layouts_that_fit(tensors)
    prefix = prefix_in_the_way([LAYOUTS[name] for name in row.layouts], tensors)
    if fitting:
        found += f": {' or '.join(LAYOUTS[name].title for name in fitting)}"
        fix = (
            "If it is your own, or its training is known to you, import it as own weights: "
            f"{own_command(where, row.encoder, fitting[0])}"
        )
    elif prefix:
        found += f"; without {prefix} in front they would be"
        fix = (
            "No published file has this prefix. Import it as own weights: "
            f"{own_command(where, row.encoder, row.layouts[0])} --prefix {prefix}"
        )
    expected = f"weights of {row.name}: {' or '.join(LAYOUTS[name].title for name in row.layouts)}"
    return HilumError(where, expected=expected, found=found, fix=fix)


def own_command(where: Path, encoder: str, layout: str) -> str:
    """Return the command that imports a file as own weights."""
    return f"hilum weights import {where} --encoder {encoder} --layout {layout} --trained-on unknown"


def layouts_that_fit(tensors: Mapping[str, Tensor]) -> list[str]:
    """Return the names of all layouts whose sign is among the keys."""
    return [name for name, layout in LAYOUTS.items() if layout.fits(tensors)]


def prefix_in_the_way(layouts: list[Layout], tensors: Mapping[str, Tensor]) -> str:
    """Return the prefix without which the keys would match one of the layouts; "" for none."""
    for layout in layouts:
        sign = re.compile(rf"(?P<front__>(?:.+\.)?){layout.prefix}{layout.sign}")
        for key in tensors:
            if (found := sign.fullmatch(key)) and found["front__"]:
                return found["front__"]
    return ""


def which_fits_instead(layout: Layout, tensors: Mapping[str, Tensor], row: PublishedWeights) -> str:
    """Return a sentence that names weights of an encoder that fits every tensor of a file; empty if none."""
    for other in published_weights().values():
        if other.encoder == row.encoder or not any(LAYOUTS[name] is layout for name in other.layouts):
            continue
        if other.classes is not None and classes_in(layout, tensors) != ({other.classes} if other.classes else set()):
            continue
        wanted = shapes_of(other.encoder)
        try:
            mapped = map_keys(layout, tensors, wanted, "", norm_absent=other.norm_absent)
        except HilumErrors:
            continue
        if all(_alike(mapped.tensors[key].shape, shape) for key, shape in wanted.items() if key in mapped.tensors):
            return f" It fits {other.encoder}, as of {other.name}."
    return ""


@cache
def shapes_of(encoder: str) -> Mapping[str, torch.Size]:
    """Return the shapes of an encoder's tensors by name."""
    with weightless():
        body = FAMILIES[ARCHITECTURES[encoder].family].build(encoder)
    return MappingProxyType({key: tensor.shape for key, tensor in body.state_dict().items()})


def _alike(given: torch.Size, wanted: torch.Size) -> bool:
    """Compare shapes except for the channels of the first convolution and the grid of positions."""
    return given == wanted or (len(given) == len(wanted) and len(given) in (3, 4) and given[0] == wanted[0])
