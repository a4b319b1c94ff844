"""Anybody's predictions as `evaluate` and `compare` are given them: whose rows count, where thresholds come from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import polars as pl

from hilum.data.collections.label_table import read_label_table
from hilum.data.labels import LabelPolicy
from hilum.data.manifest import finding_columns
from hilum.data.store import is_ingested, read_ingested, read_named
from hilum.errors import HilumError
from hilum.evaluation.inference import number_or_null
from hilum.evaluation.metrics import METRICS, THRESHOLD_METRICS
from hilum.evaluation.predictions import (
    Predictions,
    TrainedOn,
    as_predictions,
    join_labels,
    read_table,
    read_trained_on,
    scored_rows,
)
from hilum.evaluation.recalibration import recalibrate
from hilum.evaluation.settings import ReadingOptions
from hilum.evaluation.thresholds import Thresholds, choose_thresholds
from hilum.findings import canonical, is_finding
from hilum.threshold_rule import check_rule

_THRESHOLD = "threshold_"

PredictionSource: TypeAlias = str | Path | pl.DataFrame
"""A Parquet or CSV file, or a table: y_<finding>, p_<finding>, and image_id, patient_id, split where known."""


@dataclass(frozen=True)
class GivenPredictions:
    """One table.

    Attributes:
        predictions: the rows that are evaluated.
        thresholds: None where there are no validation images to choose them on.
    """

    predictions: Predictions
    thresholds: Thresholds | None


def read_given(
    tables: Sequence[PredictionSource], validation: Sequence[PredictionSource] | None, options: ReadingOptions
) -> list[GivenPredictions]:
    """Read tables of predictions, and choose their thresholds.

    Args:
        tables: of predictions.
        validation: predictions of validation images, one a table; None: the rows val of the same tables.
        options: how they are read.

    Raises:
        HilumError: what is wrong with a table, an option, or the number of validation tables.
    """
    check_rule(options.threshold)
    if validation and len(validation) != len(tables):
        fix = "Give --validation once for each table, in the same order."
        raise HilumError("--validation", expected=f"{len(tables)} tables", found=str(len(validation)), fix=fix)
    known = None if options.trained_on is None else read_trained_on(Path(options.trained_on))
    labels = None if options.labels is None else _read_labels(str(options.labels))
    given = []
    for at, source in enumerate(tables):
        name = name_of(source, at)
        if labels is None:
            evaluated = _rows_of(source, name, split=options.split, held_out=options.held_out, trained_on=known)
        else:
            evaluated = _labelled(source, name, labels, options, known)
        chosen_on = _validation_images(source, name, validation[at] if validation else None, evaluated)
        if options.calibrate is not None:
            if chosen_on is None:
                fix = "Add rows of the split val, or give --validation."
                raise HilumError(name, expected="validation images to calibrate on", found="none", fix=fix)
            evaluated = recalibrate(evaluated, chosen_on, options.calibrate)
            chosen_on = recalibrate(chosen_on, chosen_on, options.calibrate, same_images=True)
        if options.thresholds_on_test or _is_number(options.threshold):
            chosen_on = evaluated
        thresholds = None
        if chosen_on is not None:
            thresholds = choose_thresholds(chosen_on, options.threshold, evaluated=evaluated)
        elif options.calibrate is None:
            thresholds = _thresholds_of_table(table_of(source), evaluated)
        given.append(GivenPredictions(evaluated, thresholds))
    return given


def chosen_metrics(names: Sequence[str] | None, given: Sequence[GivenPredictions]) -> list[str]:
    """The metrics asked for; when none are named, all that the tables allow."""
    if names is not None:
        return list(names)
    with_thresholds = all(one.thresholds is not None for one in given)
    return [name for name in METRICS if with_thresholds or name not in THRESHOLD_METRICS]


def thresholds_as_json(given: Sequence[GivenPredictions]) -> list[dict[str, object] | None]:
    """What was chosen, where, for a file that says how numbers were made; infinite and undefined ones are null."""
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


def name_of(source: PredictionSource, at: int) -> str:
    """What to call a table in messages: its path, or its number from 1."""
    return f"table {at + 1}" if isinstance(source, pl.DataFrame) else str(source)


def table_of(source: PredictionSource) -> pl.DataFrame:
    """All rows and columns, as they are.

    Raises:
        HilumError: no table.
    """
    return source if isinstance(source, pl.DataFrame) else read_table(Path(source), what="a table of predictions")


def _rows_of(
    source: PredictionSource,
    name: str,
    *,
    split: str | None = None,
    held_out: bool = False,
    trained_on: TrainedOn | None = None,
) -> Predictions:
    return as_predictions(table_of(source), name=name, split=split, held_out=held_out, trained_on=trained_on)


def _validation_images(
    source: PredictionSource, name: str, validation: PredictionSource | None, evaluated: Predictions
) -> Predictions | None:
    """Predictions to choose thresholds on: of their own table, or the rows val of the same one."""
    if validation is not None:
        table = table_of(validation)
        several = "split" in table.columns and "val" in table["split"].to_list()
        called = f"validation of {name}" if isinstance(validation, pl.DataFrame) else str(validation)
        return _rows_of(validation, called, split="val" if several else None, held_out=True)
    table = table_of(source)
    if evaluated.split == "val" or "split" not in table.columns or "val" not in table["split"].to_list():
        return None
    return _rows_of(source, name, split="val")


def _read_labels(given: str) -> tuple[str, pl.DataFrame]:
    """What labels are called, and the images that they are of."""
    path = Path(given)
    if path.is_dir() and is_ingested(path):
        return given, read_ingested(path.name, path, {}).manifest
    if "=" in given and not path.exists():
        return given, read_named(given).manifest
    labels = read_label_table(path, []).drop("file")
    findings = finding_columns(labels)
    if not findings:
        fix = "Name a column after each finding, with 1, 0, -1 or blank."
        raise HilumError("--labels", expected="columns of findings", found=f"none in {path.name}", fix=fix)
    return path.name, labels.with_columns(labelled=pl.any_horizontal(pl.col(findings).is_not_null()))


def _labelled(
    source: PredictionSource,
    name: str,
    labels: tuple[str, pl.DataFrame],
    options: ReadingOptions,
    known: TrainedOn | None,
) -> Predictions:
    """The rows that are evaluated, with labels that stand elsewhere."""
    where, manifest = labels
    table, refused = scored_rows(table_of(source))
    table, notes = join_labels(table, manifest, LabelPolicy(), where=where)
    rows = as_predictions(table, name=name, split=options.split, held_out=options.held_out, trained_on=known)
    return replace(rows, notes=[*refused, *notes, *rows.notes])


def _thresholds_of_table(table: pl.DataFrame, evaluated: Predictions) -> Thresholds | None:
    """Thresholds that stand in a table of `hilum predict`; None where it has none."""
    columns = [column for column in table.columns if column.startswith(_THRESHOLD)]
    values = dict.fromkeys(evaluated.findings, math.nan)
    for column in columns:
        name = column.removeprefix(_THRESHOLD)
        numbers = table[column].drop_nulls().unique()
        if len(numbers) == 1 and numbers.dtype.is_numeric():
            values[canonical(name) if is_finding(name) else name] = float(numbers[0])
    return Thresholds("of the model", "its validation images", values) if columns else None


def _is_number(rule: str) -> bool:
    return rule.replace(".", "", 1).isdigit()
