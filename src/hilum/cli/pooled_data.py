"""Options of `hilum pretrain` on what it learns from: one data set or several."""

from collections.abc import Sequence
from typing import Annotated

import typer

from hilum.errors import HilumError

DataSets = Annotated[
    list[str],
    typer.Option(
        "--data",
        metavar="NAME=FOLDER",
        help="A collection, or a name for a folder of images, and its folder: as unpacked, as `hilum ingest` wrote it, "
        "or as an earlier command kept it. Repeatable: images of several data sets are pooled.",
    ),
]
SharesOfData = Annotated[
    list[str] | None,
    typer.Option(
        "--patient-fraction",
        metavar="NAME=PERCENT",
        help="Of the patients of one data set to learn from, at random; repeatable.",
    ),
]


def parse_fractions(fractions: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """Fraction of each data set's patients, from NAME=PERCENT; 1 where nothing is given.

    Raises:
        HilumError: another name, or no percentage.
    """
    shares = dict.fromkeys(names, 100.0)
    for each in fractions:
        name, _, percent = each.partition("=")
        try:
            share = float(percent)
        except ValueError:
            share = 0.0
        if name not in shares or not 0 < share <= 100:
            expected = f"NAME=PERCENT, with NAME one of {', '.join(names)} and more than 0 and at most 100 percent"
            raise HilumError("--patient-fraction", expected=expected, found=each, fix=f"For example {names[0]}=50.")
        shares[name] = share
    return {name: share / 100 for name, share in shares.items()}
