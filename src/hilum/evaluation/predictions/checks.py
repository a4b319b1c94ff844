"""Checks of a table of predictions: one line a problem, with the column and the first row."""

from collections.abc import Sequence

import polars as pl

from hilum.data.tables import as_numbers, as_text, type_name
from hilum.errors import HilumError
from hilum.findings import canonical
from hilum.wording import counted

LABEL, SCORE = "y_", "p_"

UNKNOWN_SPLIT = (
    "split: there is none, so it is not known whether the model was trained on these images   "
    "add a column split (train, val, test), or state that it was not (--held-out, held_out=True)"
)
ROUNDING = 1e-6
"""Tolerated excess of probabilities over 0 to 1 by rounding, as of a softmax in single precision."""

INTEGERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)
_SHOWN = 3


def first_few(ids: Sequence[str]) -> str:
    """Format the first three of several ids."""
    return ", ".join(ids[:_SHOWN]) + (", …" if len(ids) > _SHOWN else "")


def with_canonical_findings(table: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Rename `y_` and `p_` columns to canonical findings where known; report columns that become equal."""
    new_names = {
        column: column[:2] + _canonical_or_same(column[2:])
        for column in table.columns
        if column.startswith((LABEL, SCORE))
    }
    spellings: dict[str, list[str]] = {}
    for column, new_name in new_names.items():
        spellings.setdefault(new_name, []).append(column)
    clashes = [
        f"{new_name}: given {len(columns)} times, as {' and '.join(columns)}   keep one"
        for new_name, columns in spellings.items()
        if len(columns) > 1
    ]
    return (table if clashes else table.rename(new_names)), clashes


def with_plain_types(table: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Convert ids and splits to text, `y_` and `p_` columns to numbers or text; report columns of other types."""
    problems, plain = [], []
    for column in table:
        is_label, is_score = column.name.startswith(LABEL), column.name.startswith(SCORE)
        if not (is_label or is_score or column.name in ("image_id", "patient_id", "split")):
            continue
        means = as_numbers(column) if is_label or is_score else as_text(column)
        if means is None:
            wanted = "1, 0 or empty" if is_label else "probabilities" if is_score else "text"
            problems.append(f"{column.name}: a column of {type_name(column)}   write {wanted}")
        elif not (is_label or is_score) or column.dtype not in (pl.String, *INTEGERS):
            plain.append(means)
        # whole numbers and text are unchanged, for messages
    return table.with_columns(plain), problems


def problems_of(table: pl.DataFrame, findings: list[str]) -> list[str]:
    """Return all problems of the columns and rows.

    Args:
        table: image_id and patient_id as text, y_<finding> and p_<finding> as returned by `with_plain_types`.
        findings: Findings with a `p_` column.
    """
    problems = _identity_problems(table)
    labelled = [column.removeprefix(LABEL) for column in table.columns if column.startswith(LABEL)]
    for finding in [*findings, *(finding for finding in labelled if finding not in findings)]:
        if finding not in labelled:
            problems.append(
                f"{SCORE}{finding}: there is no {LABEL}{finding}   add the true labels, or drop the finding"
            )
        elif finding not in findings:
            problems.append(
                f"{LABEL}{finding}: there is no {SCORE}{finding}   add the predictions, or drop the finding"
            )
        else:
            problems += _label_problems(table, LABEL + finding) + _score_problems(table, SCORE + finding)
    return problems


def _canonical_or_same(name: str) -> str:
    try:
        return canonical(name)
    except HilumError:
        return name


def _identity_problems(table: pl.DataFrame) -> list[str]:
    problems = []
    for column in ("image_id", "patient_id"):
        empty = table[column].is_null()
        if empty.any():
            row = int(empty.arg_true()[0]) + 1
            problems.append(
                f"{column}: {counted(int(empty.sum()), 'row is', 'rows are')} empty (first: row {row:,})   fill them in"
            )
    image_ids = table["image_id"].drop_nulls()
    repeated = image_ids.filter(image_ids.is_duplicated()).unique(maintain_order=True)
    if len(repeated):
        shown = first_few(repeated.to_list())
        problems.append(
            f"image_id: {counted(len(repeated), 'id is', 'ids are')} repeated ({shown})   keep one row for each image"
        )
    return problems


def _label_problems(table: pl.DataFrame, column: str) -> list[str]:
    given, number = _given_and_number(table[column])
    wrong = given & ~number.is_in([0.0, 1.0]).fill_null(False)
    if not wrong.any():
        return []
    codes = ", ".join(table[column].filter(wrong).cast(pl.String).unique(maintain_order=True)[:_SHOWN])
    uncertain = "   replace uncertain (-1) by 1, 0, or empty" if (number == -1).any() else "   recode them"
    return [
        f"{column}: {counted(int(wrong.sum()), 'row is', 'rows are')} not 1, 0 or empty but {codes} (first: "
        f"{_first(table, wrong)}){uncertain}"
    ]


def _score_problems(table: pl.DataFrame, column: str) -> list[str]:
    given, number = _given_and_number(table[column])
    missing = ~given
    if missing.any():
        return [
            f"{column}: {counted(int(missing.sum()), 'row has', 'rows have')} no prediction (first: "
            f"{_first(table, missing)})   predict them"
        ]
    text = number.is_null()
    if text.any():
        return [
            f"{column}: {counted(int(text.sum()), 'row is not a number', 'rows are not numbers')} "
            f"(first: {_first(table, text)})   write probabilities"
        ]
    outside = ~number.is_between(-ROUNDING, 1 + ROUNDING)
    if not outside.any():
        return []
    low, high = float(number.to_numpy().min()), float(number.to_numpy().max())
    fix = "if these are logits, apply a sigmoid" if low < -ROUNDING else "write probabilities (a percentage over 100)"
    return [
        f"{column}: {counted(int(outside.sum()), 'row is', 'rows are')} outside 0 to 1, from {low!r} to {high!r} "
        f"(first: {_first(table, outside)})   {fix}"
    ]


def _given_and_number(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return where a value is given (neither null nor NaN), and the values as Float64, null where not a number."""
    number = column.cast(pl.Float64, strict=False)
    return column.is_not_null() & ~number.is_nan().fill_null(False), number.fill_nan(None)


def _first(table: pl.DataFrame, rows: pl.Series) -> str:
    return str(table["image_id"][int(rows.arg_true()[0])])
