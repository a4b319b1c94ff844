"""What `hilum pretrain` learns from: one data set or several, decoded once for all processes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli.named_data import decoded, read_data
from hilum.errors import HilumError

if TYPE_CHECKING:
    from hilum.data.preprocess import Recipe
    from hilum.data.store import NamedData, Store

DataSets = Annotated[
    list[str],
    typer.Option(
        "--data",
        metavar="NAME=FOLDER",
        help="A collection, or a name for a folder of images, and its folder: as unpacked, as `hilum ingest` left it, "
        "or as an earlier command kept it. Repeatable: images of several data sets are pooled.",
    ),
]
SharesOfData = Annotated[
    list[str] | None,
    typer.Option(
        "--share", metavar="NAME=PERCENT", help="Of the patients of one data set to learn from, by lot; repeatable."
    ),
]


def read_data_sets(
    told: Sequence[str], labels: Path | None, allow_missing: bool, *, hash_patients: str | None = None, show: bool
) -> "dict[str, NamedData]":
    """The data sets behind NAME=FOLDER, by name, with progress.

    Raises:
        HilumError: one name twice, `labels` of several data sets, or what reading a data set finds wrong.
    """
    from hilum.data.store import check_patients_comparable

    names = [each.partition("=")[0] for each in told]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        fix = "Give every data set a name of its own."
        raise HilumError("--data", expected="every name once", found=", ".join(twice), fix=fix)
    if labels is not None and len(names) > 1:
        fix = "Run `hilum ingest` on that data set first, with its --labels, and give what it leaves."
        raise HilumError("--labels", expected="one data set", found=", ".join(names), fix=fix)
    data = [read_data(each, labels, allow_missing, hash_patients=hash_patients, show=show) for each in told]
    check_patients_comparable(data)
    return {each.name: each for each in data}


def told_shares(told: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """Percent of each data set's patients, from NAME=PERCENT; 100 where nothing is said.

    Raises:
        HilumError: another name, or no percentage.
    """
    shares = dict.fromkeys(names, 100.0)
    for each in told:
        name, _, percent = each.partition("=")
        try:
            share = float(percent)
        except ValueError:
            share = 0.0
        if name not in shares or not 0 < share <= 100:
            expected = f"NAME=PERCENT, with NAME one of {', '.join(names)} and more than 0 and at most 100 percent"
            raise HilumError("--share", expected=expected, found=each, fix=f"For example {names[0]}=50.")
        shares[name] = share
    return shares


def decoded_once(
    data: "Mapping[str, NamedData]", recipe: "Recipe", stores: Path | None, out: Path, workers: int | None
) -> "dict[str, Store]":
    """The images of data sets as pixels: the first process decodes them, the others wait and open what it made."""
    from hilum.data.store import open_store
    from hilum.training.distributed import by_the_first

    def decode() -> dict[str, Path]:
        return {name: decoded(each, recipe, stores, out, workers).directory for name, each in data.items()}

    return {name: open_store(directory) for name, directory in by_the_first(decode).items()}
