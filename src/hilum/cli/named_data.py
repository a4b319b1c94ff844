"""What commands share that take a data set by name, and encoders by name or directory."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hilum.data.preprocess import Recipe
    from hilum.data.store import NamedData, Store

Data = Annotated[
    str,
    typer.Option(
        metavar="NAME=FOLDER",
        help="A collection, or a name for a folder of images, and its folder: as unpacked, as `hilum ingest` left it, "
        "or as an earlier command kept it.",
    ),
]
Labels = Annotated[Path | None, typer.Option(help="Own images: the CSV with the labels.")]
HashPatients = Annotated[
    str | None,
    typer.Option(
        metavar="SALT",
        help="Own images: name patients, studies and images by pseudonyms in all that is left. Under the secret "
        "salt in "
        "this file; with env, the one in HILUM_PATIENT_SALT; with own, yours on this machine.",
    ),
]
AllowMissing = Annotated[bool, typer.Option("--allow-missing", help="Go on where files are not here.")]
SplitName = Annotated[
    str,
    typer.Option(
        help="official, or another list of the data set (chexnet); patients: 60, 20 and 20 % of them by lot; auto: the "
        "official list where it has test images, patients elsewhere."
    ),
]
Stores = Annotated[
    Path | None, typer.Option(help="Where decoded images are kept for the next command; `stores` beside OUT.")
]
Workers = Annotated[int | None, typer.Option(min=1, help="Threads that decode images; all cores when left out.")]
DeviceName = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def read_data(
    told: str, labels: Path | None, allow_missing: bool, *, hash_patients: str | None = None, show: bool = True
) -> "NamedData":
    """The data set behind NAME=FOLDER, with progress."""
    from hilum.cli.console import progress
    from hilum.data.patients import read_salt
    from hilum.data.store import read_named

    salt = read_salt(hash_patients) if hash_patients else None
    with progress(f"reading {told.partition('=')[2]}", show=show) as on_progress:
        return read_named(told, salt=salt, labels=labels, allow_missing=allow_missing, on_progress=on_progress)


def decoded(data: "NamedData", recipe: "Recipe", stores: Path | None, out: Path, workers: int | None) -> "Store":
    """The images of a data set as pixels, with progress; kept for the next command."""
    from hilum.cli.console import progress
    from hilum.data.store import kept_store

    with progress("decoding images") as on_progress:
        folder = stores or out.absolute().parent / "stores"
        return kept_store(data, recipe, folder, workers=workers, on_progress=on_progress)


def model_directory(told: str) -> Path:
    """The directory of a model: as told, or that of published weights of this name, imported if need be."""
    from hilum.encoders.published import find_weights, is_published, resolve_weights

    if is_published(told):
        return resolve_weights(told, find_weights(told).encoder)
    return Path(told)
