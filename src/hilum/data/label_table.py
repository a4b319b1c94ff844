"""A user's own CSV of labels to manifest columns, with every problem named by line and column."""

from pathlib import Path

import polars as pl

from hilum.data.collections.native_files import column_names, quoted, refuse_long_cells, some
from hilum.data.manifest import SPLITS
from hilum.errors import HilumError, HilumErrors
from hilum.findings import canonical, is_finding

_NAMES = {
    "image_id": ("imageid", "image", "imageindex"),
    "file": ("path", "filename", "file", "filepath", "imagepath"),
    "patient_id": ("patientid", "patient"),
    "study_id": ("studyid", "study", "studyinstanceuid"),
    "view": ("view", "viewposition"),
    "age": ("age", "patientage"),
    "sex": ("sex", "gender", "patientsex", "patientgender"),
    "split": ("split",),
}
_CODES = {"1": 1, "1.0": 1, "0": 0, "0.0": 0, "-1": -1, "-1.0": -1}
_SEXES = {"f": "F", "female": "F", "m": "M", "male": "M"}


def read_label_table(path: Path, notes: list[str]) -> pl.DataFrame:
    """Read a CSV of labels; see `hilum.data.collections.folder` for its columns.

    Args:
        path: the CSV, UTF-8.
        notes: gains a line for what a user should know: columns left out, ages left blank.

    Returns:
        `image_id`, `file` (as written), `patient_id` (null where not given), `study_id`, `view`, `age`,
        `sex`, `split`, then the findings.

    Raises:
        HilumError, HilumErrors: no such file, no column for the image, the same film twice, values that are no codes.
    """
    if not path.is_file():
        raise HilumError(path, expected="a CSV of labels", found="no such file", fix="Check --labels.")
    header = column_names(path)
    twice = [name for name in dict.fromkeys(header) if name and header.count(name) > 1]
    if twice:
        problems = [f"column {quoted(name)}: expected once, found {header.count(name)} times" for name in twice]
        raise HilumErrors(path, problems, fix="remove all but one")
    try:
        text = pl.read_csv(path, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        found = str(error).splitlines()[0]
        raise HilumError(path, expected="a CSV with a header, UTF-8", found=found, fix="Save it as such.") from error
    columns, findings = _recognise(text.columns, path, notes)
    rows = text.select(
        *(pl.col(column).str.strip_chars().replace("", None).alias(name) for name, column in columns.items()),
        *(pl.col(column).str.strip_chars().replace("", None).alias(name) for name, column in findings.items()),
    )
    for name in rows.columns:
        refuse_long_cells(rows[name], f"{path}, column {(columns | findings)[name]!r}")
    rows = rows.with_columns(pl.coalesce(name for name in ("image_id", "file") if name in columns).alias("image_id"))
    rows = rows.with_columns(pl.coalesce(name for name in ("file", "image_id") if name in rows.columns).alias("file"))
    absent = [name for name in _NAMES if name not in rows.columns]
    rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in absent)

    years = pl.col("age").str.extract(r"^0*(\d+(?:\.\d+)?)[yY]?$", 1).cast(pl.Float64)
    codes = {name: pl.col(name).replace_strict(_CODES, default=None, return_dtype=pl.Int8) for name in findings}
    sex = pl.col("sex").str.to_lowercase().replace_strict(_SEXES, default=None, return_dtype=pl.String)
    split = pl.col("split").str.to_lowercase()
    wrong = {  # what is wrong, and what was expected
        "image_id": (pl.col("image_id").is_null(), "a file"),
        "age": (years.is_null() & pl.col("age").is_not_null(), "years"),
        "sex": (sex.is_null() & pl.col("sex").is_not_null(), "F or M"),
        "split": (~split.is_in(SPLITS), f"one of {', '.join(SPLITS)}"),
        **{name: (codes[name].is_null() & pl.col(name).is_not_null(), "1, 0, -1 or blank") for name in findings},
    }
    problems = [
        f"line {line}, column {(columns | findings).get(name, name)!r}: expected {expected}, found {quoted(value)}"
        for name, (bad, expected) in wrong.items()
        for line, value in rows.with_row_index("line", 2).filter(bad).select("line", name).head(3).rows()
    ]
    repeated = rows.with_row_index("line", 2).filter(pl.col("image_id").is_duplicated())
    problems += [
        f"line {' and '.join(map(str, lines))}: expected every film once, found {quoted(image_id)} again"
        for image_id, lines in repeated.group_by("image_id", maintain_order=True).agg("line").head(3).rows()
        if image_id is not None
    ]
    if problems:
        raise HilumErrors(path, problems, fix="nothing was read")
    rows = rows.with_columns(years.alias("age"), sex.alias("sex"), split.alias("split"))
    if impossible := int((rows["age"] > 120).sum()):
        notes.append(f"{impossible:,} ages beyond 120 years were left blank")
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


def _recognise(header: list[str], path: Path, notes: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Manifest column to CSV column, and finding to CSV column."""
    columns: dict[str, str] = {}
    findings: dict[str, str] = {}
    unknown, twice = [], []
    for column in header:
        bare = "".join(letter for letter in column.casefold() if letter.isalnum())
        known = next((name for name, spellings in _NAMES.items() if bare in spellings), None)
        finding = canonical(column) if known is None and is_finding(column) else None
        if known is None and finding is None:
            unknown.append(column)
        elif (known in columns) or (finding in findings):
            twice.append(f"column {column!r}: expected one column for {known or finding}, found a second")
        elif known is not None:
            columns[known] = column
        elif finding is not None:
            findings[finding] = column
    if twice:
        raise HilumErrors(path, twice, fix="remove all but one")
    if "image_id" not in columns and "file" not in columns:
        raise HilumError(
            f"{path}, header",
            expected="a column that names the film: image, image_id, path, file or filename",
            found=some([quoted(name) for name in header]),
            fix="Rename the column that holds the file names to image.",
        )
    if unknown:
        notes.append(f"columns of {path.name} that are no findings Hilum knows were left out: {', '.join(unknown)}")
    if not findings:
        notes.append(f"{path.name} has no column of findings: the films are unlabelled")
    return columns, findings
