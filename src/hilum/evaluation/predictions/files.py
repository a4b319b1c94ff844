"""Tables of users, CSV or Parquet, with ids as text."""

from pathlib import Path

import polars as pl

from hilum.data.tables import (
    UNKNOWN_WORDS,
    as_text,
    columns_called,
    is_parquet,
    read_csv_text,
    read_parquet,
    split_word,
    type_name,
)
from hilum.errors import HilumError, HilumErrors

NAMES = ("image_id", "patient_id", "split")
"""Columns that are always text: 00000013 is an id, not a number."""

_NO_VALUE = tuple(word for word in UNKNOWN_WORDS if word not in ("unknown", "?"))


def read_table(path: Path, *, what: str) -> pl.DataFrame:
    """Read a Parquet or CSV file.

    Args:
        path: Path of the file.
        what: Expected content, for messages, for example "a table of predictions".

    Returns:
        The table. Columns with another name of `hilum.data.tables.column_names`, such as PatientID or filename, are
        renamed to `image_id`, `patient_id` and `split`, and are text; synonyms of splits become train, val, test,
        train_val and external, other words are unchanged. Numeric columns of a CSV are numbers.

    Raises:
        HilumError, HilumErrors: No such file, or no table in it; two columns of one meaning; ids that are neither text
            nor numbers.
    """
    if not path.is_file():
        found = "a directory" if path.is_dir() else "no such file"
        raise HilumError(path, expected=what, found=found, fix="Give a .parquet or .csv file.")
    if is_parquet(path):
        table = read_parquet(path, what=what, fix="Write it again, or as .csv.")
    elif path.suffix in (".parquet", ".pq"):
        found = "another format: it does not begin as a Parquet file does"
        raise HilumError(path, expected=f"{what} (Parquet)", found=found, fix="Write it as .parquet or .csv.")
    else:
        table = read_csv_text(path)
        table = table.select(_with_type(column) for column in table)
    return _with_known_names(table, path)


def _with_type(column: pl.Series) -> pl.Series:
    """Convert a text column to numbers or booleans where all cells are such; ids remain text."""
    missing = column.str.to_lowercase().is_in(_NO_VALUE).fill_null(False)
    column = column.set(missing, None)
    given = column.drop_nulls()
    if any(column.name in columns_called([column.name], name) for name in NAMES) or not len(given):
        return column
    for kind in (pl.Int64, pl.Float64):
        number = given.cast(kind, strict=False)
        if not number.null_count():
            return column.cast(kind)
    words = given.str.to_lowercase()
    if words.is_in(["true", "false"]).all():
        return column.str.to_lowercase() == "true"
    return column


def _with_known_names(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    called = {name: columns_called(table.columns, name) for name in NAMES}
    if not called["image_id"]:
        called["image_id"] = columns_called(table.columns, "file")
    called["split"] = [name for name in called["split"] if name == "split" or _holds_splits(table[name])]
    problems = [f"{name}: given by {' and '.join(spelt)}   keep one" for name, spelt in called.items() if spelt[1:]]
    renamed = []
    for name, spelt in called.items():
        for column in spelt[:1]:
            text = as_text(table[column])
            if text is None:
                problems.append(f"{column}: a column of {type_name(table[column])}   write ids and splits as text")
            else:
                renamed.append((column, text.alias(name)))
    if problems:
        raise HilumErrors(path, problems, fix="nothing was read")
    for column, text in renamed:
        table = table.with_columns(_canonical_splits(text) if text.name == "split" else text)
        if column != text.name:
            table = table.drop(column)
    return table


def _canonical_splits(column: pl.Series) -> pl.Series:
    words = {written: split_word(written) or written for written in column.drop_nulls().unique()}
    return column.replace(words)


def _holds_splits(column: pl.Series) -> bool:
    """Return True for a column with words for splits only, not, for example, numbers of folds."""
    text = as_text(column)
    return text is not None and text.dtype == pl.String and all(split_word(word) for word in text.drop_nulls().unique())
