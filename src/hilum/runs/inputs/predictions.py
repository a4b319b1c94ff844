"""Tables of predictions for `evaluate` and `compare`: evaluated rows, labels, and thresholds."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl

from hilum.data.collections.label_table import read_label_table
from hilum.data.labels import LabelPolicy
from hilum.data.manifest import finding_columns
from hilum.data.store import is_ingested, read_ingested, read_named
from hilum.errors import HilumError
from hilum.evaluation.inference import number_or_null
from hilum.evaluation.metrics import METRICS, THRESHOLD_METRICS
from hilum.evaluation.predictions import (
    AlignedArms,
    Predictions,
    as_predictions,
    join_labels,
    read_table,
    read_trained_on,
    scored_rows,
)
from hilum.evaluation.recalibration import recalibrate
from hilum.evaluation.settings import ReadingOptions
from hilum.evaluation.suite import SuiteSettings
from hilum.evaluation.thresholds import Thresholds, choose_thresholds
from hilum.findings import COLLECTIONS, canonical, is_finding
from hilum.notes import Note, notes_as_data
from hilum.threshold_rule import parse_rule

_THRESHOLD = "threshold_"

PredictionSource: TypeAlias = str | Path | pl.DataFrame
"""A Parquet or CSV file, or a Polars or pandas table, with y_<finding>, p_<finding>, and image_id, patient_id, split if
known."""


@dataclass(frozen=True)
class GivenPredictions:
    """Evaluated predictions of one table.

    Attributes:
        predictions: Rows that are evaluated.
        thresholds: Thresholds per finding; None without validation images to choose them on.
    """

    predictions: Predictions
    thresholds: Thresholds | None


def read_given(
    tables: Sequence[PredictionSource], validation: Sequence[PredictionSource] | None, options: ReadingOptions
) -> list[GivenPredictions]:
    """Read tables of predictions, and choose their thresholds.

    Args:
        tables: Tables of predictions.
        validation: Predictions of validation images, one per table; None: the rows val of the same tables.
        options: Rows, labels, thresholds and calibration to use.

    Raises:
        HilumError: A wrong table, option, or number of validation tables.
    """
    fixed_thresholds = parse_rule(options.threshold)[0] == "fixed"
    if validation and len(validation) != len(tables):
        fix = "Give --validation once for each table, in the same order."
        raise HilumError("--validation", expected=f"{len(tables)} tables", found=str(len(validation)), fix=fix)
    known = None if options.trained_on is None else read_trained_on(Path(options.trained_on))
    labels = None if options.labels is None else _read_labels(str(options.labels))
    given = []
    for at, source in enumerate(tables):
        name = name_of(source, at)
        table, notes = table_of(source), list[Note]()
        if labels is not None:
            where, manifest = labels
            table, refused = scored_rows(table)
            table, joined = join_labels(table, manifest, LabelPolicy(), where=where)
            notes = [*refused, *joined]
        evaluated = as_predictions(table, name=name, split=options.split, held_out=options.held_out, trained_on=known)
        evaluated = replace(evaluated, notes=[*notes, *evaluated.notes])
        chosen_on = _validation_images(source, name, validation[at] if validation else None, evaluated)
        if options.calibrate is not None:
            if chosen_on is None:
                fix = "Add rows of the split val, or give --validation."
                raise HilumError(name, expected="validation images to calibrate on", found="none", fix=fix)
            evaluated = recalibrate(evaluated, chosen_on, options.calibrate)
            chosen_on = recalibrate(chosen_on, chosen_on, options.calibrate, same_images=True)
        if options.thresholds_on_test or fixed_thresholds:
            chosen_on = evaluated
        thresholds = None
        if chosen_on is not None:
            thresholds = choose_thresholds(chosen_on, options.threshold, evaluated=evaluated)
        elif options.calibrate is None:
            thresholds = _thresholds_of_table(table_of(source), evaluated)
        given.append(GivenPredictions(evaluated, thresholds))
    return given


def chosen_metrics(names: Sequence[str] | None, given: Sequence[GivenPredictions]) -> list[str]:
    """Return the given names of metrics; for None, all that the tables allow."""
    if names is not None:
        return list(names)
    with_thresholds = all(one.thresholds is not None for one in given)
    return [name for name in METRICS if with_thresholds or name not in THRESHOLD_METRICS]


def thresholds_as_json(given: Sequence[GivenPredictions]) -> list[dict[str, object] | None]:
    """Describe thresholds as plain data for JSON files; infinite and undefined values are None."""
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


def describe_evaluation(
    given: Sequence[GivenPredictions],
    aligned: AlignedArms,
    settings: SuiteSettings,
    calibrated: str | None,
    *,
    seeds: int | None = None,
) -> dict[str, Any]:
    """Describe an evaluation as plain data for JSON files.

    Args:
        given: Evaluated tables.
        aligned: The same, as aligned for the evaluation.
        settings: Settings of the evaluation.
        calibrated: Method of the recalibration; None without one.
        seeds: Number of seeds; None: not described.
    """
    return {
        "split": given[0].predictions.split,
        "images": len(aligned.patients),
        "patients": int(aligned.patients.max()) + 1,
        **({} if seeds is None else {"seeds": seeds}),
        **asdict(settings.bootstrap),
        "min_positive_patients": settings.min_positive_patients,
        "calibrated": calibrated,
        "thresholds": thresholds_as_json(given),
        "notes": notes_as_data(aligned.notes),
    }


def sources_of(given: PredictionSource | Sequence[PredictionSource]) -> list[PredictionSource]:
    """Return tables of predictions as a list; one table may be given by itself."""
    if isinstance(given, str | Path | pl.DataFrame) or _is_frame(given):
        return [given]  # type: ignore[list-item]  # a pandas table has the columns of a Polars one
    return list(given) if isinstance(given, Iterable) else [given]


def _is_frame(given: object) -> bool:
    """Return whether an object is a table of another library, such as pandas."""
    return hasattr(given, "columns") and hasattr(given, "__getitem__")


def paths_of(tables: Sequence[PredictionSource]) -> list[Path]:
    """Return the paths of those tables that are files."""
    return [Path(source) for source in tables if isinstance(source, str | Path)]


def name_of(source: PredictionSource, at: int) -> str:
    """Return the name of a table for messages: its path, or its number from 1."""
    return str(source) if isinstance(source, str | Path) else f"table {at + 1}"


def table_of(source: Any) -> pl.DataFrame:
    """Read all rows and columns of a table.

    Raises:
        HilumError: Not a table.
    """
    if isinstance(source, pl.DataFrame):
        return source
    if isinstance(source, str | Path):
        return read_table(Path(source), what="a table of predictions")
    return _converted(source)


def _converted(source: Any) -> pl.DataFrame:
    if not _is_frame(source):
        found, fix = type(source).__name__, "Give the path of a file, or a Polars or pandas table."
        raise HilumError("predictions", expected="a table of predictions", found=found, fix=fix)
    return pl.DataFrame({str(name): list(source[name]) for name in source.columns}, nan_to_null=True)


def _validation_images(
    source: PredictionSource, name: str, validation: PredictionSource | None, evaluated: Predictions
) -> Predictions | None:
    """Read the predictions to choose thresholds on: a table of their own, or the rows val of the same table."""
    if validation is not None:
        table = table_of(validation)
        several = "split" in table.columns and "val" in table["split"].to_list()
        called = f"validation of {name}" if isinstance(validation, pl.DataFrame) else str(validation)
        return as_predictions(table, name=called, split="val" if several else None, held_out=True)
    table = table_of(source)
    if evaluated.split == "val" or "split" not in table.columns or "val" not in table["split"].to_list():
        return None
    return as_predictions(table, name=name, split="val")


def _read_labels(given: str) -> tuple[str, pl.DataFrame]:
    """Read labels; return their name for messages, and a manifest of the labelled images.

    Raises:
        HilumError: No such file or data set, or one without labels.
    """
    path = Path(given)
    if "=" in given and not path.exists():
        name, _, folder = given.partition("=")
        manifest = read_named(given).manifest
        if not finding_columns(manifest):
            fix = (
                "Write --labels labels.csv: a table with image_id and a column for each finding (1, 0, -1 or blank). "
                f"Or run `hilum ingest {name if name in COLLECTIONS else 'folder'} {folder} --labels labels.csv --out "
                "ingested`, and write --labels ingested."
            )
            raise HilumError(f"--labels {given}", expected="a data set with labels", found="images only", fix=fix)
        return given, manifest
    if path.is_dir() and is_ingested(path):
        return given, read_ingested(path.name, path, {}).manifest
    labels = read_label_table(path, []).drop("file")
    findings = finding_columns(labels)
    if not findings:
        fix = "Name a column after each finding, with 1, 0, -1 or blank."
        raise HilumError("--labels", expected="columns of findings", found=f"none in {path.name}", fix=fix)
    return path.name, labels.with_columns(labelled=pl.any_horizontal(pl.col(findings).is_not_null()))


def _thresholds_of_table(table: pl.DataFrame, evaluated: Predictions) -> Thresholds | None:
    """Read the thresholds in a table of `hilum predict`; return None if it has none."""
    columns = [column for column in table.columns if column.startswith(_THRESHOLD)]
    values = dict.fromkeys(evaluated.findings, math.nan)
    for column in columns:
        name = column.removeprefix(_THRESHOLD)
        numbers = table[column].drop_nulls().unique()
        if len(numbers) == 1 and numbers.dtype.is_numeric():
            values[canonical(name) if is_finding(name) else name] = float(numbers[0])
    return Thresholds("of the model", "its validation images", values) if columns else None
