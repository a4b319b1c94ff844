"""Table of predictions: one row per image, scored or refused, in the order of the inputs.

Columns::

    image_id                  path below the folder, or name of the file
    patient_id                from the tables of the data set, or from the DICOM file; empty if unknown
    split                     external if the model was not trained on the patient, train if it was, empty if unknown
    p_<finding>               probability, 0 to 1
    calibrated_<finding>      calibrated probability, 0 to 1
    threshold_<finding>       threshold on the probability, at or above which the finding is called
    call_<finding>            1 or 0
    reason, detail            reason for refusal (`hilum.prediction.reasons`); the columns above are then empty
    in_training               true if the model was trained on the patient; empty if unknown
    remarks                   irregularities of the file (`hilum.data.images.remarks`)
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from hilum.artifacts import whole_file
from hilum.errors import HilumError
from hilum.prediction.description import ModelDescription
from hilum.prediction.inputs import InputImage
from hilum.prediction.journal import Row

KINDS = (".parquet", ".csv")
_SPLIT = {True: "train", False: "external", None: None}


def check_table_name(out: Path) -> None:
    """Check the file name of a table, before any scoring.

    Raises:
        HilumError: Neither .parquet nor .csv.
    """
    if out.suffix.lower() not in KINDS:
        raise HilumError("--out", expected="a file named .parquet or .csv", found=str(out), fix="Rename it.")


def as_table(
    rows: Iterable[tuple[int, Row]], images: Sequence[InputImage], described: ModelDescription
) -> pl.DataFrame:
    """Build the table of a run; see the head of this file for its columns.

    Args:
        rows: Index of the image, and row; an index may be repeated with the same row.
        images: N input images.
        described: Findings, thresholds and calibration.
    """
    ordered: list[Row] = [{}] * len(images)
    for place, row in rows:
        ordered[place] = row
    findings = described.finding_names
    scores = np.array([row.get("p") or [np.nan] * len(findings) for row in ordered], dtype=np.float32)
    scores = scores.reshape(len(ordered), len(findings))
    scored = ~np.isnan(scores)
    calibrated, thresholds = described.calibrated(scores), described.thresholds
    in_training = [row.get("in_training") for row in ordered]
    columns: dict[str, pl.Series] = {
        "image_id": pl.Series([image.image_id for image in images], dtype=pl.String),
        "patient_id": pl.Series([row.get("patient") for row in ordered], dtype=pl.String),
        "split": pl.Series(
            [None if "reason" in row else _SPLIT[row.get("in_training")] for row in ordered], dtype=pl.String
        ),
    }
    for at, finding in enumerate(findings):
        columns[f"p_{finding}"] = _number(scores[:, at])
    for at, finding in enumerate(findings):
        columns[f"calibrated_{finding}"] = _number(calibrated[:, at])
    for at, finding in enumerate(findings):
        cut = np.where(scored[:, at], thresholds[at], np.nan)
        columns[f"threshold_{finding}"] = _number(cut)
    for at, finding in enumerate(findings):
        calls = scores[:, at].astype(np.float64) >= thresholds[at]
        known = scored[:, at] & ~np.isnan(thresholds[at])
        columns[f"call_{finding}"] = pl.Series(
            [int(c) if k else None for c, k in zip(calls, known, strict=True)], dtype=pl.Int8
        )
    for name in ("reason", "detail"):
        columns[name] = pl.Series([row.get(name) or None for row in ordered], dtype=pl.String)
    columns["in_training"] = pl.Series(in_training, dtype=pl.Boolean)
    columns["remarks"] = pl.Series([row.get("remarks") or None for row in ordered], dtype=pl.String)
    return pl.DataFrame(columns)


def write_table(table: pl.DataFrame, out: Path) -> None:
    """Write a table as CSV or Parquet, by its name, completely or not at all."""
    with whole_file(out) as beside:
        if out.suffix.lower() == ".csv":
            table.write_csv(beside)
        else:
            table.write_parquet(beside)


def _number(values: np.ndarray) -> pl.Series:
    """Convert numbers to a column, with null for NaN; the type is unchanged."""
    return pl.Series(values).fill_nan(None)
