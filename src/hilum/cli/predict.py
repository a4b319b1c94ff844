"""`hilum predict`: probabilities, calls and reasons for images of one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli.console import echo, print_json, print_table, progress
from hilum.cli.named_data import DeviceName, Workers

if TYPE_CHECKING:
    from hilum.prediction.loading import PackagedClassifier
    from hilum.prediction.predict import Scored

EXIT_REFUSED = 1
"""All that could be scored was, and some image was refused."""


def predict(
    model: Annotated[Path, typer.Argument(help="A directory that `hilum package` wrote: of an arm, or of a seed.")],
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Files; folders of any depth, such as a DICOM study; folders of `hilum ingest`; NAME=FOLDER.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Table to write: .parquet or .csv.")],
    ensemble: Annotated[bool, typer.Option("--ensemble", help="Mean probability of all seeds of an arm.")] = False,
    maps: Annotated[Path | None, typer.Option(help="Folder for heat maps of the findings that are called.")] = None,
    method: Annotated[str, typer.Option(help="Of the heat maps; see `hilum explain --help`.")] = "gradcam",
    dicom: Annotated[
        Path | None, typer.Option(help="Folder for DICOM reports (TID 1500) and heat maps of images that are DICOM.")
    ] = None,
    accept: Annotated[
        str | None, typer.Option(metavar="REASON,REASON", help="Score images all the same that are refused for these.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Images computed together; as in training.")] = None,
    workers: Workers = None,
    device: DeviceName = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")] = False,
) -> None:
    """Score images: a row for each, with probability, calibrated probability, threshold and call, or with a reason.

    Refused, and not scored, are images that cannot be read, lateral views, what does not look like the model's training
    images, negatives without a tag, images with text burnt in, and views and ages that the model has not learnt from.
    Patients that it has learnt from are marked. The table goes straight into `hilum evaluate`.

    Interrupted, the same command goes on where it was. Exit code: 0, every image was scored; 1, some were refused; 2,
    nothing was done.

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


def _print(loaded: "PackagedClassifier", scored: "Scored") -> None:
    echo(f"{loaded.description.name}: {scored.scored:,} of {scored.images:,} images scored")
    echo()
    rows = [[finding, scored.calls[finding], loaded.thresholds[finding]] for finding in loaded.findings]
    print_table(["finding", "called on", "threshold"], rows)
    echo()
    if scored.refused:
        print_table(
            ["refused", "images", "because"],
            [[reason.value, count, reason.description] for reason, count in scored.refused.items()],
        )
        echo()
    if scored.in_training:
        echo(
            f"{scored.in_training:,} images are of patients that the model has learnt from: no numbers may rest on "
            f"them."
        )
    if scored.not_known:
        echo(f"Of {scored.not_known:,} images it is not known whether the model has learnt from their patients.")
    echo("A research tool: nothing here is a diagnosis.")
    echo(str(scored.out))
