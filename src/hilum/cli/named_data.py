"""What commands share that take a data set by name, and encoders by name or directory."""

from pathlib import Path
from typing import Annotated

import typer

from hilum.cli.prediction_options import option_of
from hilum.training.settings import TrainingSettings

Data = Annotated[
    str,
    typer.Option(
        metavar="NAME=FOLDER",
        help="A collection, or a name for a folder of images, and its folder: as unpacked, as `hilum ingest` wrote it, "
        "or as an earlier command kept it.",
    ),
]
Labels = Annotated[Path | None, typer.Option(help="Own images: the CSV with the labels.")]
HashPatients = Annotated[
    str | None,
    typer.Option(
        metavar="SALT",
        help="Own images: name patients, studies and images by pseudonyms in all that is written. Under the secret "
        "salt in "
        "this file; with env, the one in HILUM_PATIENT_SALT; with own, yours on this machine.",
    ),
]
AllowMissing = Annotated[bool, typer.Option("--allow-missing", help="Go on where files are not here.")]
SplitName = Annotated[
    str,
    typer.Option(
        help="official, or another list of the data set (chexnet); patients: 60, 20 and 20 % of them at random; auto: "
        "the official list where it has test images, patients elsewhere."
    ),
]
Stores = Annotated[
    Path | None, typer.Option(help="Where decoded images are kept for the next command; `stores` beside OUT.")
]
Workers = Annotated[int | None, typer.Option(min=1, help="Threads that decode images; all cores when left out.")]
DeviceName = Annotated[str, option_of(TrainingSettings, "device")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
