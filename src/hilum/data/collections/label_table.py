"""Reading of a user's table of labels into manifest columns; all problems are reported by line and column."""

from pathlib import Path

import polars as pl

from hilum.data.manifest import SPLITS
from hilum.data.tables import (
    COLUMN_NAMES,
    UNKNOWN_WORDS,
    as_text,
    columns_called,
    is_parquet,
    known_column,
    likeness,
    quoted,
    read_csv_text,
    read_parquet,
    refuse_long_cells,
    some,
    split_word,
    type_name,
    years,
)
from hilum.errors import HilumError, HilumErrors
from hilum.findings import bare_name, canonical, is_finding
from hilum.notes import Code, Note, note

_CODES = {
    **dict.fromkeys(("1", "1.0", "true", "yes"), 1),
    **dict.fromkeys(("0", "0.0", "false", "no"), 0),
    **dict.fromkeys(("-1", "-1.0"), -1),
}
_SEXES = {"f": "F", "female": "F", "m": "M", "male": "M"}
_UNKNOWN_SEXES = ("o", "u", "other", "-")
# "none" and "unknown" may mean an absent or uncertain finding.
_BLANK_CODES = tuple(word for word in UNKNOWN_WORDS if word not in ("none", "unknown", "?"))


def read_label_table(path: Path, notes: list[Note]) -> pl.DataFrame:
    """Read a CSV or Parquet file of labels; its columns are described in `hilum.data.collections.folder`.

    Args:
        path: Path of the table; a CSV in UTF-8, with commas.
        notes: List to which notes are appended: ignored columns, ages set to blank.

    Returns:
        `image_id`, `file` (as written), `patient_id` (null if missing), `study_id`, `view`, `age`, `sex`, `split`, then
        the findings.

    Raises:
        HilumError, HilumErrors: The file is missing or not a table, no column names the image, repeated images, invalid
            codes, columns of lists, bytes and the like.
    """
    if not path.is_file():
        raise HilumError(path, expected="a CSV of labels", found="no such file", fix="Check --labels.")
    text = _read_text(path)
    columns, findings = _recognise(text, path, notes)
    rows = pl.DataFrame({name: text[column] for name, column in (columns | findings).items()})
    rows = rows.with_columns(_without_unknown(name) for name in rows.columns if name not in ("image_id", "file"))
    rows = rows.with_columns(pl.coalesce(name for name in ("image_id", "file") if name in columns).alias("image_id"))
    rows = rows.with_columns(pl.coalesce(name for name in ("file", "image_id") if name in rows.columns).alias("file"))
    absent = [name for name in COLUMN_NAMES if name not in rows.columns]
    rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in absent)

    codes = {
        name: pl.col(name).str.to_lowercase().replace_strict(_CODES, default=None, return_dtype=pl.Int8)
        for name in findings
    }
    sex = pl.col("sex").str.to_lowercase().replace_strict(_SEXES, default=None, return_dtype=pl.String)
    words = {written: split_word(written) for written in rows["split"].unique().drop_nulls()}
    words = {written: word for written, word in words.items() if word in SPLITS}
    split = pl.col("split").replace_strict(words, default=None, return_dtype=pl.String)
    wrong = {  # what is wrong, and what was expected
        "image_id": (pl.col("image_id").is_null(), "a file"),
        "age": (years("age").is_null() & pl.col("age").is_not_null(), "years, such as 62, 062Y or 007M"),
        "sex": (sex.is_null() & pl.col("sex").is_not_null(), "F or M"),
        "split": (split.is_null() & pl.col("split").is_not_null(), f"one of {', '.join(SPLITS)}"),
        **{name: (codes[name].is_null() & pl.col(name).is_not_null(), "1, 0, -1 or blank") for name in findings},
    }
    problems = []
    for name, (bad, expected) in wrong.items():
        column, found = (columns | findings).get(name, name), rows.with_row_index("line", 2).filter(bad)
        problems += [
            f"line {line}, column {column!r}: expected {expected}, found {quoted(value)}"
            for line, value in found.select("line", name).head(3).rows()
        ]
        if len(found) > 3:
            problems.append(f"and {len(found) - 3:,} more lines, column {column!r}: expected {expected}")
    repeated = rows.with_row_index("line", 2).filter(pl.col("image_id").is_duplicated())
    problems += [
        f"line {' and '.join(map(str, lines))}: expected every image once, found {quoted(image_id)} again"
        for image_id, lines in repeated.group_by("image_id", maintain_order=True).agg("line").head(3).rows()
        if image_id is not None
    ]
    if problems:
        raise HilumErrors(path, problems, fix="correct the table; nothing was read")
    rows = rows.with_columns(years("age").alias("age"), sex.alias("sex"), split.alias("split"))
    if impossible := int((rows["age"] > 120).sum()):
        notes.append(note(Code.IMPOSSIBLE_AGES, images=impossible))
    return rows.select(
        "image_id",
        "file",
        "patient_id",
        "study_id",
        pl.col("view").str.to_uppercase(),
        pl.when(pl.col("age") <= 120).then("age").alias("age"),
        "sex",
        "split",
        *(codes[name].alias(name) for name in findings),
    )


def read_own_column(path: Path, column: str) -> dict[str, str | None]:
    """Return a column of a table of labels as text, by image id; None for blank cells.

    Args:
        path: Path of the table, as in `read_label_table`.
        column: Exact name of the column.

    Raises:
        HilumError: The table has no such column.
    """
    text = _read_text(path)
    if column not in text.columns:
        raise HilumError(path, expected=f"a column {column}", found=", ".join(text.columns), fix="Name one of these.")
    columns, _ = _recognise(text, path, [])
    ids = pl.coalesce(columns[name] for name in ("image_id", "file") if name in columns)
    values = pl.col(column).str.strip_chars().replace("", None).str.strip_suffix(".0")
    return dict(text.select(ids.alias("id"), values.alias("value")).iter_rows())


def _read_text(path: Path) -> pl.DataFrame:
    """Read a table with all columns as text that can be text; columns of other types are unchanged."""
    if not is_parquet(path):
        return read_csv_text(path)
    table = read_parquet(path, what="a table of labels", fix="Write it again, or as CSV.")
    as_they_mean = {name: as_text(table[name]) for name in table.columns}
    text = table.with_columns(column.alias(name) for name, column in as_they_mean.items() if column is not None)
    for name in text.columns:
        if text[name].dtype == pl.String:
            refuse_long_cells(text[name], f"{path}, column {quoted(name)}")
    return text


def _without_unknown(name: str) -> pl.Expr:
    """Return a column with null for words that mean unknown."""
    of_column = (*UNKNOWN_WORDS, *_UNKNOWN_SEXES) if name == "sex" else UNKNOWN_WORDS
    words = _BLANK_CODES if is_finding(name) else of_column
    return pl.when(~pl.col(name).str.to_lowercase().is_in(words)).then(pl.col(name)).alias(name)


def _recognise(text: pl.DataFrame, path: Path, notes: list[Note]) -> tuple[dict[str, str], dict[str, str]]:
    """Return manifest column to the table's column, and finding to the table's column."""
    named = {name: columns_called(text.columns, name) for name in COLUMN_NAMES}
    split_columns = [name for name in named["split"] if bare_name(name) == "split" or _holds_splits(text[name])]
    named["split"] = split_columns
    findings: dict[str, list[str]] = {}
    for column in text.columns:
        if known_column(column) is None and is_finding(column):
            findings.setdefault(canonical(column), []).append(column)
    problems = [
        f"column {second!r}: expected one column for {name}, found a second"
        for name, columns in (named | findings).items()
        for second in columns[1:]
    ]
    problems += [
        f"column {column!r}: expected text or numbers, found {type_name(text[column])}"
        for columns in (named | findings).values()
        for column in columns[:1]
        if text[column].dtype != pl.String
    ]
    if problems:
        raise HilumErrors(path, problems, fix="correct the table; nothing was read")
    columns = {name: spelt[0] for name, spelt in named.items() if spelt}
    if "image_id" not in columns and "file" not in columns:
        raise HilumError(
            f"{path}, header",
            expected="a column that names the image: image, image_id, path, file or filename",
            found=some([quoted(name) for name in text.columns]) or "no column",
            fix="Rename the column that holds the file names to image.",
        )
    taken = {*columns.values(), *(column for spelt in findings.values() for column in spelt)}
    unknown = [column for column in text.columns if column not in taken]
    if unknown:
        notes.append(note(Code.IGNORED_COLUMNS, table=path.name, columns=", ".join(unknown)))
    notes += [hint for hint in map(likeness, unknown) if hint]
    if "split" in columns and bare_name(columns["split"]) != "split":
        notes.append(note(Code.SPLIT_COLUMN, column=columns["split"], table=path.name))
    if not findings:
        notes.append(note(Code.NO_FINDING_COLUMNS, table=path.name))
    return columns, {finding: spelt[0] for finding, spelt in findings.items()}


def _holds_splits(column: pl.Series) -> bool:
    """Return true for a column of names of splits only, not, say, numbers of folds."""
    return column.dtype == pl.String and all(split_word(word) in SPLITS for word in column.drop_nulls().unique())
