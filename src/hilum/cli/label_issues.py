"""Command `hilum label-issues`: likely label errors, label noise, and its effect on AUROC."""

from pathlib import Path
from typing import Annotated

import typer

from hilum.cli import options
from hilum.cli.console import echo, print_json, print_table, progress
from hilum.evaluation.bootstrap.config import BootstrapConfig


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
      hilum label-issues predictions.parquet --out audited
      hilum label-issues predictions.parquet --data chestxray14=/data/CXR8 --out audited
      hilum label-issues predictions.parquet --adjudicated google2019_nih-chest-xray-labels.csv --out audited
    """
    from hilum.runs.label_issues import label_issues as run

    result = run(
        predictions,
        out,
        data=data,
        labels=labels,
        allow_missing=allow_missing,
        adjudicated=adjudicated,
        split=split,
        held_out=held_out,
        trained_on=trained_on,
        top=top,
        seed=seed,
        progress=progress,
    )
    noise, agreement = result.noise, result.agreement
    if as_json:
        extra = {} if agreement is None else {"agreement": agreement.to_dicts()}
        print_json({**result.about, "page": str(result.page), "noise": noise.to_dicts(), **extra})
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
        [list(row) for row in noise.drop("note", "codes").rows()],
        title="Estimated label noise",
    )
    echo()
    print_table(result.top.columns, result.top.filter(result.top["rank"] <= top).rows(), title="Top label issues")
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
    for each in result.notes:
        echo(str(each))
    echo()
    echo(f"Report: {result.page}; all labels with their ranks: {out / 'label_issues.csv'}")
