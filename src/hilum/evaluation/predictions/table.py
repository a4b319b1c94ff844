"""Tables of predictions: one row an image, `y_<finding>` the true label, `p_<finding>` the predicted probability."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.patients import with_canonical_patients
from hilum.data.tables import split_word
from hilum.errors import HilumError, HilumErrors
from hilum.evaluation.predictions.checks import (
    LABEL,
    SCORE,
    UNKNOWN_SPLIT,
    first_few,
    problems_of,
    with_canonical_findings,
    with_plain_types,
)
from hilum.evaluation.predictions.exposure import TrainedOn
from hilum.evaluation.predictions.files import NAMES, read_table
from hilum.evaluation.predictions.labels import scored_rows
from hilum.notes import Code, Note, note
from hilum.wording import counted

_HELD_OUT = ("test", "val", "external")


@dataclass(frozen=True)
class Predictions:
    """Checked predictions of one model.

    Attributes:
        name: Source, for messages.
        frame: image_id (text, unique), patient_id (text, canonical spelling), split (text or null), y_<finding>
            (Float64: 1, 0, null unknown), p_<finding> (Float64, 0 to 1).
        findings: Findings in the order of the table; canonical names where known.
        split: Split of the rows; None where unknown.
        images_named: True where the table has image ids; otherwise they are row numbers and cannot be paired.
        patients_named: True where the table has patient ids; otherwise each image is its own patient.
        notes: Notes on any estimate from these predictions.
    """

    name: str
    frame: pl.DataFrame
    findings: list[str]
    split: str | None
    images_named: bool
    patients_named: bool
    notes: list[Note]

    @property
    def image_ids(self) -> list[str]:
        """Image ids, N."""
        return self.frame["image_id"].to_list()

    @property
    def patients(self) -> list[str]:
        """Patient of each image, N."""
        return self.frame["patient_id"].to_list()

    @property
    def labels(self) -> NDArray[np.float64]:
        """(N, F): 1 positive, 0 negative, NaN unknown."""
        return self._matrix(LABEL)

    @property
    def scores(self) -> NDArray[np.float64]:
        """(N, F), 0 to 1."""
        return self._matrix(SCORE)

    def _matrix(self, prefix: str) -> NDArray[np.float64]:
        columns = [pl.col(prefix + finding).fill_null(float("nan")) for finding in self.findings]
        return self.frame.select(columns).to_numpy(order="c")


def read_predictions(
    path: Path, *, split: str | None = None, held_out: bool = False, trained_on: TrainedOn | None = None
) -> Predictions:
    """Read and check a Parquet or CSV table of predictions.

    Args:
        path: Path of the table. Columns y_<finding> (1, 0, empty = unknown) and p_<finding> (0 to 1) for each finding;
            image_id, patient_id and split where known, or by other names of `hilum.data.tables.column_names`. Other
            columns are ignored.
        split, held_out, trained_on: See `as_predictions`.

    Raises:
        HilumError: Not a table, or no predictions in it.
        HilumErrors: All problems of columns and rows.
    """
    table = read_table(Path(path), what="a table of predictions")
    return as_predictions(table, name=str(path), split=split, held_out=held_out, trained_on=trained_on)


def as_predictions(
    table: pl.DataFrame,
    *,
    name: str,
    split: str | None = None,
    held_out: bool = False,
    trained_on: TrainedOn | None = None,
) -> Predictions:
    """Check a table of predictions and keep the rows of one split.

    Args:
        table: As in `read_predictions`.
        name: Name of the table in messages.
        split: Split whose rows are kept. Default: `test`; without test rows the only split, if it is held out (val,
            external).
        held_out: State that the model was not trained on any row, for a table without a column `split` or with a single
            other split. No effect where the table has a held-out split.
        trained_on: Patients or images the model was trained on; they are refused.

    Raises:
        HilumError: No predictions, no rows, or no rows of the split.
        HilumErrors: All problems of columns and rows.
    """
    if not any(column.startswith(SCORE) for column in table.columns):
        raise HilumError(
            name,
            expected="columns y_<finding> and p_<finding>",
            found=f"the columns {', '.join(table.columns[:8]) or '(none)'}",
            fix="Name the true labels y_<finding> and the predicted probabilities p_<finding>.",
        )
    if not len(table):
        raise HilumError(name, expected="one row for each image", found="no rows", fix="Predict some images first.")

    table, notes = scored_rows(table)
    if not len(table):
        raise HilumError(name, expected="images with probabilities", found="none: all were refused", fix="Score some.")
    table, clashes = with_canonical_findings(table)
    images_named, patients_named = "image_id" in table.columns, "patient_id" in table.columns
    table, of_other_types = with_plain_types(table)
    if clashes or of_other_types:
        raise HilumErrors(name, [*clashes, *of_other_types], fix="nothing was evaluated")
    rows = pl.int_range(1, len(table) + 1)
    if not images_named:
        table = table.with_columns(pl.format("row {}", rows).alias("image_id"))
    if "split" not in table.columns:
        table = table.with_columns(pl.lit(None, pl.String).alias("split"))
    table, patient_notes = _with_patients(table) if patients_named else (table.with_columns(patient_id="image_id"), [])
    findings = [column.removeprefix(SCORE) for column in table.columns if column.startswith(SCORE)]

    problems = problems_of(table, findings)
    split = None if split is None else split_word(split) or split
    chosen = None if problems else _chosen_split(table["split"], split, name, held_out)
    if chosen is not None:
        rest = table.filter(pl.col("split").ne_missing(chosen))
        table = table.filter(pl.col("split") == chosen)
        notes += _split_notes(chosen, len(table), rest)
        if patients_named:
            problems += _patients_on_both_sides(table, rest, chosen)
    elif not problems and held_out:
        notes.append(note(Code.NO_SPLIT))
    elif not problems:
        problems.append(UNKNOWN_SPLIT)
    if not problems and all(table[LABEL + finding].drop_nulls().is_empty() for finding in findings):
        problems.append("y_*: no image has a label of any finding   add the true labels")
    if not problems and trained_on is not None:
        comparable = (patients_named and trained_on.patients) or (images_named and trained_on.images)
        problems += trained_on.problems_of(table) if comparable else [_nothing_in_common(trained_on)]
    if problems:
        raise HilumErrors(name, problems, fix="nothing was evaluated")

    notes += patient_notes
    notes += trained_on.notes if trained_on is not None else []
    if not images_named:
        notes.append(note(Code.NO_IMAGE_IDS))
    if not patients_named:
        notes.append(note(Code.NO_PATIENT_IDS))
    kinds = [(LABEL + finding, SCORE + finding) for finding in findings]
    # Values beyond 0 or 1 by rounding are clipped; others were refused.
    numbers = [table[column].cast(pl.Float64).fill_nan(None).clip(0, 1) for kind in kinds for column in kind]
    return Predictions(
        name=name,
        frame=table.select(*NAMES, *numbers),
        findings=findings,
        split=chosen,
        images_named=images_named,
        patients_named=patients_named,
        notes=notes,
    )


def _with_patients(table: pl.DataFrame) -> tuple[pl.DataFrame, list[Note]]:
    """Write patient ids in one spelling each; an image with a placeholder id is its own patient."""
    found, notes = with_canonical_patients(table)
    placeholder = pl.Series(found["patient_id"].is_null() & table["patient_id"].is_not_null())
    return found.with_columns(pl.when(placeholder).then("image_id").otherwise("patient_id").alias("patient_id")), notes


def _nothing_in_common(trained_on: TrainedOn) -> str:
    column = "patient_id" if trained_on.patients else "image_id"
    return (
        f"{column}: there is none, so it is not known whether {trained_on.name} contains these images   "
        "add the column, or evaluate without the training patients"
    )


def _chosen_split(column: pl.Series, asked: str | None, name: str, held_out: bool) -> str | None:
    present = column.drop_nulls().unique().sort().to_list()
    if asked is not None:
        if asked in present:
            return asked
        found = f"the splits {', '.join(present)}" if present else "no split"
        raise HilumError(name, expected=f"rows of the split {asked}", found=found, fix="Choose another with --split.")
    if not present:
        return None
    if "test" in present:
        return "test"
    if len(present) == 1 and (present[0] in _HELD_OUT or (held_out and present[0] != "train")):
        return str(present[0])
    raise HilumError(
        name,
        expected="rows of the split test",
        found=f"only {', '.join(present)}",
        fix="Predict the test images, or choose the rows with --split.",
    )


def _split_notes(chosen: str, used: int, rest: pl.DataFrame) -> list[Note]:
    if not len(rest):
        return [note(Code.ALL_ROWS_OF_SPLIT, used=used, split=chosen)]
    others = ", ".join(rest["split"].fill_null("(empty)").unique().sort())
    return [note(Code.ROWS_OF_SPLIT, used=used, split=chosen, left=len(rest), others=others)]


def _patients_on_both_sides(used: pl.DataFrame, rest: pl.DataFrame, chosen: str) -> list[str]:
    elsewhere = rest.filter(pl.col("split").is_not_null() & pl.col("patient_id").is_in(used["patient_id"].to_list()))
    both = elsewhere["patient_id"].unique().sort().to_list()
    if not both:
        return []
    others = " and ".join(elsewhere["split"].unique().sort())
    return [
        f"patient_id: {counted(len(both), 'patient')} of {chosen} also in {others} "
        f"({first_few(both)})   "
        "split by patient, train again"
    ]
