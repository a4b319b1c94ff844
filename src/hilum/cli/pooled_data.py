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
PatientFractions = Annotated[
    list[str] | None,
    typer.Option(
        "--patient-fraction",
        metavar="NAME=FRACTION",
        help="Fraction (0 to 1) of the patients of one data set to pretrain on, drawn at random. Repeatable.",
    ),
]


def parse_fractions(given: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """Fraction of each data set's patients, from NAME=FRACTION; 1 where nothing is given.

    Raises:
        HilumError: another name, or a fraction that is not above 0 and at most 1.
    """
    fractions = dict.fromkeys(names, 1.0)
    for each in given:
        name, _, text = each.partition("=")
        try:
            fraction = float(text)
        except ValueError:
            fraction = 0.0
        if name not in fractions or not 0 < fraction <= 1:
            expected = f"NAME=FRACTION, with NAME one of {', '.join(names)} and a fraction above 0 and at most 1"
            raise HilumError("--patient-fraction", expected=expected, found=each, fix=f"For example {names[0]}=0.5.")
        fractions[name] = fraction
    return fractions
