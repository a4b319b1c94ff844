"""The table of predictions: a row for every image, scored or refused, in the order of the inputs.

Columns::

    image_id                  below the folder, or the name of the file
    patient_id                of the data set's tables, or of the DICOM file; empty where not known
    split                     external where the model has not learnt from the patient, train where it has, empty where
                              that is not known
    p_<finding>               probability, 0 to 1
    calibrated_<finding>      probability on the scale of the validation labels
    threshold_<finding>       from which on the finding is called
    call_<finding>            1 or 0
    reason, detail            of images that are not scored (`hilum.prediction.reasons`); all of the above are empty
    in_training          whether the model has learnt from the patient; empty where that is not known
    remarks                   what was met in the file (`hilum.data.images.remarks`)
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
    """Refuse a file of another kind before anything is scored.

    Raises:
        HilumError: neither .parquet nor .csv.
    """
    if out.suffix.lower() not in KINDS:
        raise HilumError("--out", expected="a file named .parquet or .csv", found=str(out), fix="Name it so.")


def as_table(
    rows: Iterable[tuple[int, Row]], images: Sequence[InputImage], described: ModelDescription
) -> pl.DataFrame:
    """All rows of a run; see the head of this file.

    Args:
        rows: place among the inputs, and row; each place once or several times with the same row.
        images: the inputs, N.
        described: findings, thresholds, calibration.
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
    """Write a table as its name says, whole or not at all."""
    with whole_file(out) as beside:
        if out.suffix.lower() == ".csv":
            table.write_csv(beside)
        else:
            table.write_parquet(beside)


def _number(values: np.ndarray) -> pl.Series:
    """Numbers as they are, with nulls for NaN; float32 stays float32."""
    return pl.Series(values).fill_nan(None)
