"""Command `hilum predict`: probabilities and calls for new images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli import options
from hilum.cli.console import echo, print_json, print_table, progress
from hilum.training.settings import TrainingSettings

if TYPE_CHECKING:
    from hilum.prediction.predict import PredictionResult

EXIT_REFUSED = 1
"""Exit code of a complete run in which at least one image was refused."""


def predict(
    model: options.Package,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Image files, folders (searched recursively, such as a DICOM study), output of `hilum ingest`, or "
            "data sets as NAME=FOLDER.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Table to write: a .parquet or .csv file.")],
    ensemble: options.UseEnsemble = False,
    maps: Annotated[Path | None, typer.Option(help="Folder to write heat maps of called findings to.")] = None,
    method: Annotated[str, typer.Option(help="Heat map method; see `hilum explain --help`.")] = "gradcam",
    dicom: Annotated[
        Path | None,
        typer.Option(help="Folder to write DICOM reports (TID 1500) and heat maps of DICOM images to."),
    ] = None,
    accept: options.Accepted = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Number of images per batch. Default: as in training.")
    ] = None,
    workers: options.Workers = None,
    device: options.DeviceName = TrainingSettings.device,
    as_json: options.AsJson = False,
) -> None:
    """Score images with a packaged model.

    The table has one row per image, with probabilities and calls, or with the reason for refusal. Refused are
    unreadable images, lateral views, images unlike the training images, inverted images without a tag, images with
    burned-in text, and views and ages outside the training data. Patients the model was trained on are marked. `hilum
    evaluate` reads the table.

    Run the same command again to resume an interrupted run. Exit code: 0, all images were scored; 1, some were refused;
    2, error.

    \b
    Examples:
      hilum predict models/simclr/seed-0 image.dcm --out predictions.csv
      hilum predict models/simclr /archive/study --ensemble --out predictions.parquet --maps maps
      hilum predict models/simclr/seed-0 /archive/study --out predictions.csv --dicom results
      hilum predict models/simclr chestxray14=CXR8 --ensemble --out there.parquet --accept age_outside_training
    """
    from hilum.prediction.predict import predict as run

    result = run(
        model,
        inputs,
        out,
        ensemble=ensemble,
        maps=maps,
        method=method,
        dicom=dicom,
        accept=options.names(accept) or (),
        batch_size=batch_size,
        workers=workers,
        device=device,
        progress=progress,
    )
    if as_json:
        print_json(result.about)
    else:
        _print(result)
    if result.scored.refused:
        raise typer.Exit(EXIT_REFUSED)


def _print(result: "PredictionResult") -> None:
    for line in result.summary:
        echo(line)
    echo()
    print_table(result.calls.columns, result.calls.rows())
    echo()
    refused = [[reason.value, count, reason.description] for reason, count in result.scored.refused.items()]
    if refused:
        print_table(["refused", "images", "reason"], refused)
        echo()
    for line in result.row_notes[len(refused) :]:
        echo(line)
    echo("Research tool: not for diagnosis.")
    echo(str(result.scored.out))
