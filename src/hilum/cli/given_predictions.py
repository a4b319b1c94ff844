"""Options and reading that `hilum evaluate` and `hilum compare` share: whose predictions, of which rows, cut where."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import polars as pl

    from hilum.evaluation.predictions import Predictions, TrainedOn
    from hilum.evaluation.thresholds import Thresholds

_THRESHOLD = "threshold_"

Redraws = Annotated[int, typer.Option(help="Bootstrap redraws of patients (and seeds).")]
Seed = Annotated[int, typer.Option(min=0, help="Of the redraws.")]
MinPositives = Annotated[
    int,
    typer.Option(min=2, help="Findings with fewer positive (or negative) patients are not in means and not tested."),
]
Split = Annotated[
    str | None, typer.Option(help="Which rows, by column split. When left out: test, else val or external alone.")
]
HeldOut = Annotated[
    bool, typer.Option("--held-out", help="For tables without a column split: training has not seen these images.")
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
    bool, typer.Option("--stratified", help="Redraw patients within strata of the rarest finding that they have.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
LabelsOf = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="TABLE",
        help="Labels of tables that have none: a CSV or Parquet table of images and findings, a folder that "
        "`hilum ingest` left, or NAME=FOLDER.",
    ),
]


@dataclass(frozen=True)
class Reading:
    """How tables are read.

    Attributes:
        split, held_out, trained_on, threshold, on_test, calibrate, labels: as the options of these names.
    """

    split: str | None
    held_out: bool
    trained_on: Path | None
    threshold: str
    on_test: bool
    calibrate: str | None
    labels: str | None = None


@dataclass(frozen=True)
class Given:
    """One table.

    Attributes:
        predictions: the rows that are judged.
        thresholds: None where there are no validation images to choose them on.
    """

    predictions: "Predictions"
    thresholds: "Thresholds | None"


def read_given(paths: Sequence[Path], validation: Sequence[Path] | None, reading: Reading) -> list[Given]:
    """Read tables of predictions, and choose their thresholds.

    Raises:
        HilumError: what is wrong with a table, an option, or the number of validation tables.
    """
    from hilum.errors import HilumError
    from hilum.evaluation.predictions import read_predictions, read_trained_on
    from hilum.evaluation.recalibration import recalibrate
    from hilum.evaluation.thresholds import choose_thresholds
    from hilum.threshold_rule import check_rule

    check_rule(reading.threshold)
    if validation and len(validation) != len(paths):
        fix = "Give --validation once for each table, in the same order."
        raise HilumError("--validation", expected=f"{len(paths)} tables", found=str(len(validation)), fix=fix)
    known = None if reading.trained_on is None else read_trained_on(reading.trained_on)
    given = []
    labels = None if reading.labels is None else _read_labels(reading.labels)
    for at, path in enumerate(paths):
        if labels is None:
            judged = read_predictions(path, split=reading.split, held_out=reading.held_out, trained_on=known)
        else:
            judged = _labelled(path, labels, reading, known)
        chosen_on = _validation_images(path, validation[at] if validation else None, judged)
        if reading.calibrate is not None:
            if chosen_on is None:
                fix = "Add rows of the split val, or give --validation."
                raise HilumError(path, expected="validation images to calibrate on", found="none", fix=fix)
            judged = recalibrate(judged, chosen_on, reading.calibrate)
            chosen_on = recalibrate(chosen_on, chosen_on, reading.calibrate, same_images=True)
        if reading.on_test or _is_number(reading.threshold):
            chosen_on = judged
        thresholds = None
        if chosen_on is not None:
            thresholds = choose_thresholds(chosen_on, reading.threshold, judged=judged)
        elif reading.calibrate is None:
            thresholds = _thresholds_of_table(path, judged)
        given.append(Given(judged, thresholds))
    return given


def chosen_metrics(names: str | None, given: Sequence[Given]) -> list[str]:
    """The metrics asked for; when none are named, all that the tables allow."""
    from hilum.evaluation.metrics import METRICS, THRESHOLD_METRICS

    if names is not None:
        return [name.strip() for name in names.split(",")]
    with_thresholds = all(one.thresholds is not None for one in given)
    return [name for name in METRICS if with_thresholds or name not in THRESHOLD_METRICS]


def thresholds_as_json(given: Sequence[Given]) -> list[dict[str, object] | None]:
    """What was chosen, where, for a file that says how numbers were made; infinite and undefined ones are null."""
    from hilum.evaluation.inference import number_or_null

    return [
        None
        if one.thresholds is None
        else {
            "rule": one.thresholds.rule,
            "chosen_on": one.thresholds.chosen_on,
            "optimistic": one.thresholds.optimistic,
            "values": {finding: number_or_null(value) for finding, value in one.thresholds.values.items()},
        }
        for one in given
    ]


def _validation_images(path: Path, validation: Path | None, judged: "Predictions") -> "Predictions | None":
    """Predictions to choose thresholds on: of their own table, or the rows val of the same one."""
    from hilum.evaluation.predictions import read_predictions, read_table

    if validation is not None:
        table = read_table(validation, what="a table of predictions")
        several = "split" in table.columns and "val" in table["split"].to_list()
        return read_predictions(validation, split="val" if several else None, held_out=True)
    table = read_table(path, what="a table of predictions")
    if judged.split == "val" or "split" not in table.columns or "val" not in table["split"].to_list():
        return None
    return read_predictions(path, split="val")


def _read_labels(told: str) -> "tuple[str, pl.DataFrame]":
    """What labels are called, and the images that they are of."""
    import polars as pl

    from hilum.data.collections.label_table import read_label_table
    from hilum.data.manifest import finding_columns
    from hilum.data.store import is_ingested, read_ingested, read_named
    from hilum.errors import HilumError

    path = Path(told)
    if path.is_dir() and is_ingested(path):
        return told, read_ingested(path.name, path, {}).manifest
    if "=" in told and not path.exists():
        return told, read_named(told).manifest
    labels = read_label_table(path, []).drop("file")
    findings = finding_columns(labels)
    if not findings:
        fix = "Name a column after each finding, with 1, 0, -1 or blank."
        raise HilumError("--labels", expected="columns of findings", found=f"none in {path.name}", fix=fix)
    return path.name, labels.with_columns(labelled=pl.any_horizontal(pl.col(findings).is_not_null()))


def _labelled(
    path: Path, labels: "tuple[str, pl.DataFrame]", reading: Reading, known: "TrainedOn | None"
) -> "Predictions":
    """The rows that are judged, with labels that stand elsewhere."""
    from dataclasses import replace

    from hilum.data.labels import LabelPolicy
    from hilum.evaluation.predictions import as_predictions, join_labels, read_table, scored_rows

    where, manifest = labels
    table, refused = scored_rows(read_table(path, what="a table of predictions"))
    table, notes = join_labels(table, manifest, LabelPolicy(), where=where)
    judged = as_predictions(table, name=str(path), split=reading.split, held_out=reading.held_out, trained_on=known)
    return replace(judged, notes=[*refused, *notes, *judged.notes])


def _thresholds_of_table(path: Path, judged: "Predictions") -> "Thresholds | None":
    """Thresholds that stand in a table of `hilum predict`; None where it has none."""
    import math

    from hilum.evaluation.predictions import read_table
    from hilum.evaluation.thresholds import Thresholds
    from hilum.findings import canonical, is_finding

    table = read_table(path, what="a table of predictions")
    columns = [column for column in table.columns if column.startswith(_THRESHOLD)]
    values = dict.fromkeys(judged.findings, math.nan)
    for column in columns:
        name = column.removeprefix(_THRESHOLD)
        numbers = table[column].drop_nulls().unique()
        if len(numbers) == 1 and numbers.dtype.is_numeric():
            values[canonical(name) if is_finding(name) else name] = float(numbers[0])
    return Thresholds("of the model", "its validation images", values) if columns else None


def _is_number(rule: str) -> bool:
    return rule.replace(".", "", 1).isdigit()
