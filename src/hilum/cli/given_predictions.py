"""Options and reading that `hilum evaluate` and `hilum compare` share: whose predictions, of which rows, cut where."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hilum.evaluation.predictions import Predictions
    from hilum.evaluation.thresholds import Thresholds

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


@dataclass(frozen=True)
class Reading:
    """How tables are read.

    Attributes:
        split, held_out, trained_on, threshold, on_test, calibrate: as the options of these names.
    """

    split: str | None
    held_out: bool
    trained_on: Path | None
    threshold: str
    on_test: bool
    calibrate: str | None


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
    for at, path in enumerate(paths):
        judged = read_predictions(path, split=reading.split, held_out=reading.held_out, trained_on=known)
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


def _is_number(rule: str) -> bool:
    return rule.replace(".", "", 1).isdigit()
