"""Options that `hilum evaluate` and `hilum compare` share: whose predictions, of which rows, cut where."""

from pathlib import Path
from typing import Annotated

import typer

NBootstrap = Annotated[int, typer.Option(help="Bootstrap resamples of patients (and seeds).")]
Seed = Annotated[int, typer.Option(min=0, help="Of the resamples.")]
MinPositives = Annotated[
    int,
    typer.Option(min=2, help="Findings with fewer positive (or negative) patients are not in means and not tested."),
]
Split = Annotated[
    str | None, typer.Option(help="Which rows, by column split. When left out: test, else val or external alone.")
]
HeldOut = Annotated[
    bool, typer.Option("--held-out", help="For tables without a column split: training has not used these images.")
]
TrainedOnPath = Annotated[
    Path | None,
    typer.Option("--trained-on", help="card.json of the model, or a table of patients; none of them may be judged."),
]
MetricNames = Annotated[
    str | None, typer.Option("--metrics", help="Comma-separated. When left out: all that the tables allow.")
]
AverageNames = Annotated[
    str, typer.Option("--averages", help="Rows over findings, comma-separated: macro, weighted, micro.")
]
Validation = Annotated[
    list[Path] | None,
    typer.Option(help="Predictions of validation images, one a table. When left out: the rows val of the same table."),
]
Threshold = Annotated[
    str, typer.Option(help="Chosen on validation images: youden, f1, sensitivity=S, specificity=S; or a number.")
]
OnTest = Annotated[
    bool, typer.Option("--thresholds-on-test", help="Choose thresholds on the judged images; marked as optimistic.")
]
Calibrate = Annotated[
    str | None, typer.Option(help="Scale probabilities on validation images: temperature, platt or isotonic.")
]
Interval = Annotated[str, typer.Option(help="expanded (for few patients), percentile, or bca.")]
Stratified = Annotated[
    bool, typer.Option("--stratified", help="Resample patients within strata of the rarest finding that they have.")
]
LabelsOf = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="TABLE",
        help="Labels of tables that have none: a CSV or Parquet table of images and findings, a folder that "
        "`hilum ingest` left, or NAME=FOLDER.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def names(text: str | None) -> list[str] | None:
    """Names from one text with commas; None for None."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
