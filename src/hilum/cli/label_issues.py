"""Command `hilum label-issues`: likely label errors, label noise, and its effect on AUROC."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli import options
from hilum.cli.console import echo, print_json, print_table, progress
from hilum.cli.page_images import PageImages
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.wording import counted

if TYPE_CHECKING:
    import polars as pl

_PRINTED = 3
"""Number of label issues per finding on the terminal; the page lists more."""


def label_issues(
    predictions: options.Predictions,
    out: Annotated[
        Path,
        typer.Option(help="Directory to write label_issues.html and tables of issues, noise and agreement to."),
    ],
    data: Annotated[
        str | None, typer.Option(metavar="NAME=FOLDER", help=f"Images to show on the page. {options.DATA_SET}")
    ] = None,
    labels: options.Labels = None,
    allow_missing: options.AllowMissing = False,
    adjudicated: Annotated[
        Path | None,
        typer.Option(help="CSV file of Google's adjudicated labels of ChestX-ray14, to compare with the NIH labels."),
    ] = None,
    split: options.Split = None,
    held_out: options.HeldOut = False,
    trained_on: options.TrainedOnPath = None,
    top: Annotated[int, typer.Option(min=1, help="Number of label issues on the page, per finding and label.")] = 12,
    seed: options.Seed = BootstrapConfig.seed,
    as_json: options.AsJson = False,
) -> None:
    """Find likely label errors by confident learning.

    The command also estimates label noise and its effect on AUROC. The model must not be trained on these images. A
    flagged label is not necessarily wrong: review the image. The page label_issues.html lists the top issues of each
    finding, with images if you give --data.

    \b
    Examples:
      hilum label-issues predictions.parquet --out label_issues
      hilum label-issues predictions.parquet --data chestxray14=/data/CXR8 --out label_issues
      hilum label-issues predictions.parquet --adjudicated google2019_nih-chest-xray-labels.csv --out label_issues
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
    evaluated = f"{counted(images)} of {counted(patients, 'patient')}, split {seeds[0].split or 'unknown'}"
    page = out / PAGE
    notes = [*map(str, seeds[0].notes), *image_notes]
    write_label_issues_page(issues, noise, agreement, page, images=evaluated, top=top, image=image, notes=notes)
    if as_json:
        extra = {} if agreement is None else {"agreement": agreement.to_dicts()}
        print_json({**settings, "page": str(page), "noise": noise.to_dicts(), **extra})
        return
    print_table(
        [
            "finding",
            "images",
            "positives",
            "flagged positives",
            "flagged negatives",
            "noise rate, positives",
            "noise rate, negatives",
            "ceiling",
        ],
        [list(row) for row in noise.drop("note").rows()],
        title="Estimated label noise",
    )
    echo()
    flagged = issues.filter(issues["is_label_issue"] & (issues["rank"] <= min(top, _PRINTED)))
    columns = ["finding", "rank", "image_id", "label", "probability"]
    print_table(columns, flagged.select(columns).rows(), title="Top label issues")
    if agreement is not None:
        echo()
        shown = ["finding", "n", "nlp_positives", "adjudicated_positives", "discordant", "kappa", "sensitivity"]
        shown += ["specificity", "auroc_ceiling"]
        print_table(
            [name.replace("_", " ") for name in shown],
            agreement.select(shown).rows(),
            title="Agreement of NIH labels with adjudicated labels",
        )
    echo()
    echo("ceiling: AUROC that a perfect model reaches when evaluated on these labels")
    for finding, note in noise.filter(noise["note"] != "").select("finding", "note").iter_rows():
        echo(f"{finding}: {note}")
    for note in notes:
        echo(note)
    echo()
    echo(f"Report: {page}; all labels with their ranks: {written.with_suffix('.csv')}")


def _images(
    data: str, labels: Path | None, allow_missing: bool, issues: "pl.DataFrame"
) -> tuple[PageImages, list[str]]:
    """Read the data set of the evaluated images; return its images, and notes on those it lacks."""
    from hilum.errors import HilumError
    from hilum.runs.inputs.data import read_data

    named = read_data(data, labels=labels, allow_missing=allow_missing, progress=progress)
    images = PageImages(named.manifest, named.collected.root)
    evaluated = issues["image_id"].unique().to_list()
    missing = sorted(image_id for image_id in evaluated if image_id not in images.paths)
    if evaluated and len(missing) == len(evaluated):
        found = f"none; {missing[0]} is not among {next(iter(images.paths), 'no images')}, …"
        fix = "Give the data set of these predictions, with the same image_id."
        raise HilumError(f"--data {data}", expected="the images of the predictions", found=found, fix=fix)
    return images, [
        f"{counted(len(missing), 'image of the predictions is', 'images of the predictions are')} not in {data}."
    ] if missing else []
