"""Command `hilum predict`: probabilities and calls for new images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli import options
from hilum.cli.console import echo, print_json, print_table, progress
from hilum.training.settings import TrainingSettings
from hilum.wording import counted

if TYPE_CHECKING:
    from hilum.prediction.loading import PackagedClassifier
    from hilum.prediction.predict import PredictionSummary

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
    from hilum.prediction.inputs import find_inputs
    from hilum.prediction.loading import load_package
    from hilum.prediction.predict import PredictConfig, accepted_reasons, predict_images
    from hilum.prediction.table import check_table_name

    check_table_name(out)
    accepted = accepted_reasons([word.strip() for word in accept.split(",")] if accept else [])
    loaded = load_package(model, ensemble=ensemble, device=device)  # type: ignore[arg-type]  # checked there
    images = find_inputs(inputs)
    config = PredictConfig(
        accepted=accepted, batch_size=batch_size, workers=workers, maps=maps, method=method, dicom=dicom
    )
    with progress("scoring") as on_progress:
        scored = predict_images(loaded, images, out, config, on_progress)
    if as_json:
        print_json(
            {
                "out": str(scored.out),
                "images": scored.images,
                "scored": scored.scored,
                "refused": scored.refused,
                "in_training": scored.in_training,
                "training_not_known": scored.not_known,
                "calls": scored.calls,
            }
        )
    else:
        _print(loaded, scored)
    if scored.refused:
        raise typer.Exit(EXIT_REFUSED)


def _print(loaded: "PackagedClassifier", scored: "PredictionSummary") -> None:
    echo(f"{loaded.description.name}: {scored.scored:,} of {counted(scored.images)} scored")
    echo()
    rows = [[finding, scored.calls[finding], loaded.thresholds[finding]] for finding in loaded.findings]
    print_table(["finding", "called on", "threshold"], rows)
    echo()
    if scored.refused:
        print_table(
            ["refused", "images", "reason"],
            [[reason.value, count, reason.description] for reason, count in scored.refused.items()],
        )
        echo()
    if scored.in_training:
        echo(
            f"{counted(scored.in_training, 'image is', 'images are')} of patients the model was trained on: "
            "exclude them from any evaluation."
        )
    if scored.not_known:
        echo(f"For {counted(scored.not_known)} it is unknown whether the model was trained on their patients.")
    echo("Research tool: not for diagnosis.")
    echo(str(scored.out))
