"""`hilum label-issues`: which labels are doubtful, how many may be wrong, and what that costs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli.console import echo, print_json, print_table, progress
from hilum.cli.named_data import AllowMissing, Labels
from hilum.cli.prediction_options import AsJson, HeldOut, Seed, Split, TrainedOnPath

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from hilum.report.pages import Image

_PRINTED = 3
"""Label issues of each finding on the terminal; the page has more."""


def label_issues(
    predictions: Annotated[
        list[Path], typer.Argument(help="Parquet or CSV with y_<finding> and p_<finding>. Several: seeds of one arm.")
    ],
    out: Annotated[
        Path, typer.Option(help="Directory for label_issues.html and issues, noise and agreement (Parquet, CSV, JSON).")
    ],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=FOLDER", help="The images, as in `hilum probe`: shown on the page beside the labels."
        ),
    ] = None,
    labels: Labels = None,
    allow_missing: AllowMissing = False,
    adjudicated: Annotated[
        Path | None, typer.Option(help="Google's adjudicated labels of ChestX-ray14, to compare the NIH labels with.")
    ] = None,
    split: Split = None,
    held_out: HeldOut = False,
    trained_on: TrainedOnPath = None,
    top: Annotated[int, typer.Option(min=1, help="Label issues on the page, of each finding and label.")] = 12,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Rank labels by how much a model doubts them (confident learning), and tell what wrong labels do to AUROC.

    The model must not have been fitted to these images. A flagged label is an image to look at, not an error: the top
    of each finding are on the page label_issues.html, with their images where --data gives them.

    \b
    Examples:
      hilum label-issues predictions.parquet --out audited
      hilum label-issues predictions.parquet --data chestxray14=/data/CXR8 --out audited
      hilum label-issues predictions.parquet --adjudicated google2019_nih-chest-xray-labels.csv --out audited
    """
    from hilum.evaluation.labels import google_agreement, rank_label_issues
    from hilum.evaluation.predictions import read_predictions, read_trained_on
    from hilum.evaluation.tables import write_results
    from hilum.report.pages import write_label_issues_page
    from hilum.report.pages.label_issues import PAGE

    known = None if trained_on is None else read_trained_on(trained_on)
    seeds = [read_predictions(path, split=split, held_out=held_out, trained_on=known) for path in predictions]
    issues, noise = rank_label_issues(seeds)
    image, image_notes = _images(data, labels, allow_missing, issues) if data else (None, [])
    agreement = None if adjudicated is None else google_agreement(adjudicated, seed=seed)
    settings = {
        "split": seeds[0].split,
        "images": len(seeds[0].frame),
        "seed": seed,
        "notes": [str(each) for each in seeds[0].notes],
    }
    written = write_results(out, "label_issues", issues, predictions=predictions, settings=settings)
    write_results(out, "noise", noise, predictions=predictions, settings=settings)
    if agreement is not None and adjudicated is not None:
        write_results(out, "agreement", agreement, predictions=[adjudicated], settings={"seed": seed})
    images, patients = len(seeds[0].frame), len(set(seeds[0].patients))
    judged = f"{images:,} images of {patients:,} patients, split {seeds[0].split or 'unknown'}"
    page = out / PAGE
    notes = [*map(str, seeds[0].notes), *image_notes]
    write_label_issues_page(issues, noise, agreement, page, images=judged, top=top, image=image, notes=notes)
    if as_json:
        extra = {} if agreement is None else {"agreement": agreement.to_dicts()}
        print_json({**settings, "page": str(page), "noise": noise.to_dicts(), **extra})
        return
    print_table(
        [
            "finding",
            "images",
            "positives",
            "flagged",
            "of negatives",
            "noise rate of positives",
            "among negatives",
            "ceiling",
        ],
        [list(row) for row in noise.drop("note").rows()],
        title="Labels that a model doubts",
    )
    echo()
    flagged = issues.filter(issues["is_label_issue"] & (issues["rank"] <= min(top, _PRINTED)))
    columns = ["finding", "rank", "image_id", "label", "probability"]
    print_table(columns, flagged.select(columns).rows(), title="The most flagged")
    if agreement is not None:
        echo()
        shown = ["finding", "n", "nlp_positives", "adjudicated_positives", "discordant", "kappa", "sensitivity"]
        shown += ["specificity", "auroc_ceiling"]
        print_table(
            [name.replace("_", " ") for name in shown],
            agreement.select(shown).rows(),
            title="NIH labels against adjudicated ones",
        )
    echo()
    echo("ceiling: the AUROC of a model that is always right, judged by these labels")
    for finding, note in noise.filter(noise["note"] != "").select("finding", "note").iter_rows():
        echo(f"{finding}: {note}")
    for note in notes:
        echo(note)
    echo()
    echo(f"{page} to look at; every label with its rank in {written.with_suffix('.csv')}")


def _images(
    data: str, labels: Path | None, allow_missing: bool, issues: "pl.DataFrame"
) -> "tuple[Image, Sequence[str]]":
    """What gives the images of a data set, and how many of the judged ones it does not have."""
    from hilum.data.images.gray import UnreadableImage
    from hilum.data.paths import leads_inside
    from hilum.data.pixels import read_gray
    from hilum.data.preprocess import eight_bits
    from hilum.errors import HilumError
    from hilum.runs.inputs.data import read_data

    named = read_data(data, labels=labels, allow_missing=allow_missing, progress=progress)
    rows = named.manifest.select("image_id", "path").drop_nulls().iter_rows()
    inside = named.collected.root.resolve()
    places = {image_id: named.collected.root / path for image_id, path in rows}
    judged = issues["image_id"].unique().to_list()
    missing = sorted(image_id for image_id in judged if image_id not in places)
    if judged and len(missing) == len(judged):
        found = f"none; {missing[0]} is not among {next(iter(places), 'no images')}, …"
        fix = "Give the data set of these predictions; image_id must be the same."
        raise HilumError(f"--data {data}", expected="the images of the predictions", found=found, fix=fix)

    def image(image_id: str) -> "NDArray[np.uint8] | None":
        if image_id not in places or not leads_inside(places[image_id], inside):
            return None
        try:
            return eight_bits(read_gray(places[image_id]))
        except UnreadableImage:
            return None

    return image, [f"{len(missing):,} images of the predictions are not in {data}."] if missing else []
