"""A table of predictions, anybody's: one row an image, `y_<finding>` what is true, `p_<finding>` what a model says."""

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
    problems_of,
    with_canonical_findings,
    with_plain_types,
)
from hilum.evaluation.predictions.exposure import TrainedOn
from hilum.evaluation.predictions.files import NAMES, read_table
from hilum.evaluation.predictions.labels import scored_rows
from hilum.notes import Code, Note, note

_SHOWN = 3
_HELD_OUT = ("test", "val", "external")


@dataclass(frozen=True)
class Predictions:
    """Checked predictions of one model.

    Attributes:
        name: where they come from, for messages.
        frame: image_id (text, unique), patient_id (text, in its canonical spelling), split (text or null), y_<finding>
            (Float64: 1, 0, null unknown), p_<finding> (Float64, 0 to 1).
        findings: in the order of the table; canonical names where known.
        split: which split the rows are; None where the table does not say.
        images_named: whether the table had image ids; otherwise they are row numbers, and cannot be paired.
        patients_named: whether the table had patient ids; otherwise each image is its own patient.
        notes: what a reader of any number from these predictions must know.
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
        """N ids."""
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
        path: the table. Columns y_<finding> (1, 0, empty = unknown) and p_<finding> (0 to 1) for each finding;
            image_id, patient_id and split where known, also by other names of `hilum.data.tables.column_names`. Other
            columns are ignored.
        split: which rows; see `as_predictions`.
        held_out: see `as_predictions`.
        trained_on: whom the model was fitted to; see `as_predictions`.

    Raises:
        HilumError: not a table, or no predictions in it.
        HilumErrors: everything that is wrong with its columns and rows.
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
        table: as in `read_predictions`.
        name: what to call it in messages.
        split: the split whose rows to keep. By default `test`; where the table has none, the only one that it has, if
            its name says that training has not used it (val, external).
        held_out: for a table without a column `split`, or with one other name in it: that all its rows are images that
            training has not used. Not needed, and without effect, where the table says it.
        trained_on: patients or images that the model was fitted to; none of them may be among the rows.

    Raises:
        HilumError: no predictions, no rows, or no rows of the split.
        HilumErrors: everything that is wrong with columns and rows.
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
    table, whose = _with_patients(table) if patients_named else (table.with_columns(patient_id="image_id"), [])
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

    notes += whose
    if not images_named:
        notes.append(note(Code.NO_IMAGE_IDS))
    if not patients_named:
        notes.append(note(Code.NO_PATIENT_IDS))
    kinds = [(LABEL + finding, SCORE + finding) for finding in findings]
    # What lies beyond 0 or 1 by rounding only is 0 or 1; all else has been refused.
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
    """Patients in one spelling each; an image whose cell names nobody is of a patient of its own."""
    found, notes = with_canonical_patients(table)
    nobody = pl.Series(found["patient_id"].is_null() & table["patient_id"].is_not_null())
    return found.with_columns(pl.when(nobody).then("image_id").otherwise("patient_id").alias("patient_id")), notes


def _nothing_in_common(trained_on: TrainedOn) -> str:
    column = "patient_id" if trained_on.patients else "image_id"
    return (
        f"{column}: there is none, so it is not known whether {trained_on.name} names these images   "
        "add the column, or leave out whom the model was trained on"
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
        fix="Predict the test images, or say with --split which rows to evaluate.",
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
    shown = ", ".join(both[:_SHOWN]) + (", …" if len(both) > _SHOWN else "")
    return [
        f"patient_id: {len(both):,} patients of {chosen} are also in {others} ({shown})   split by patient, train again"
    ]
