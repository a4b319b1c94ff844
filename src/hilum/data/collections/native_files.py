"""Native tables and files: read as text, with what is missing, doubled or hostile refused by name."""

import csv
import gzip
import io
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

import polars as pl

from hilum.errors import HilumError, HilumErrors

MAX_CELL = 100_000
"""Characters in one cell; the longest report in a public table has a few thousand."""


def find_table(root: Path, *names: str) -> Path | None:
    """The first of these files that is below the root, plain or with .gz; None where none is."""
    for name in names:
        for path in (root / name, root / f"{name}.gz"):
            if path.is_file():
                return path
    return None


def read_table(path: Path, required: Sequence[str], optional: Sequence[str] = (), *, of: str) -> pl.DataFrame:
    """Read a CSV (plain or .gz) as text.

    Args:
        path: with a header; UTF-8, with or without a byte order mark.
        required: columns that must be there.
        optional: columns that may be there; others are not read.
        of: whose table this should be, for the message, such as "CheXpert's".

    Returns:
        The required columns and those optional ones that are there, in this order; blanks around values are cut and
        empty values are null.

    Raises:
        HilumError, HilumErrors: not UTF-8, no CSV, a column missing or twice, a cell beyond `MAX_CELL` characters.
    """
    header = column_names(path)
    problems = [f"column {name!r}: expected, but missing" for name in required if name not in header]
    problems += [
        f"column {name!r}: expected once, found {header.count(name)} times"
        for name in dict.fromkeys([*required, *optional])
        if header.count(name) > 1
    ]
    if problems:
        raise HilumErrors(path, problems, fix=f"this is not {of} table")
    columns = [*required, *(name for name in optional if name in header)]
    # Columns go by place: a header with a name twice elsewhere would be renamed on the way.
    places = [f"column_{header.index(name) + 1}" for name in columns]
    schema = {f"column_{place}": pl.String for place in range(1, len(header) + 1)}
    try:
        text = pl.read_csv(
            path,
            has_header=False,
            skip_rows=1,
            columns=places,
            schema=schema,
            truncate_ragged_lines=True,
            raise_if_empty=False,
        )
    except pl.exceptions.PolarsError as error:
        found = str(error).splitlines()[0]
        raise HilumError(path, expected="a CSV, UTF-8", found=found, fix="Get the table again.") from error
    text = text.select(
        pl.col(place).str.strip_chars().replace("", None).alias(name)
        for place, name in zip(places, columns, strict=True)
    )
    for name in columns:
        refuse_long_cells(text[name], f"{path}, column {name!r}")
    return text


def refuse_long_cells(column: pl.Series, where: str) -> None:
    """Refuse a column of text with a cell beyond `MAX_CELL` characters.

    Raises:
        HilumError: it has one.
    """
    longest = column.str.len_chars().max()
    if isinstance(longest, int) and longest > MAX_CELL:
        raise HilumError(
            where,
            expected=f"at most {MAX_CELL:,} characters in a cell",
            found=f"{longest:,}",
            fix="Get the table again.",
        )


def refuse_lines(path: Path, rows: pl.DataFrame, wrong: dict[str, tuple[pl.Expr, str]], *, first_line: int = 2) -> None:
    """Refuse a table with values that cannot be, naming the first three lines of each kind.

    Args:
        path: of the table.
        rows: of the table, in its order.
        wrong: column to (where it is wrong, what was expected).
        first_line: number of the line that the first row stands in.

    Raises:
        HilumErrors: if any row is wrong.
    """
    numbered = rows.with_row_index("line", first_line)
    problems = [
        f"line {line}: {column} is {quoted(value)}, expected {expected}"
        for column, (bad, expected) in wrong.items()
        for line, value in numbered.filter(bad).select("line", column).head(3).rows()
    ]
    if problems:
        raise HilumErrors(path, problems, fix="get the table again, or mend these lines")


def leaves_root(path: str) -> bool:
    """Whether a path written in a table would lead out of the root it starts from."""
    return path.startswith(("/", "\\")) or ".." in PurePosixPath(path.replace("\\", "/")).parts or ":" in path[:3]


def some(values: Collection[object]) -> str:
    """The first three values and how many others there are."""
    listed = list(values)
    shown = ", ".join(str(value) for value in listed[:3])
    return shown if len(listed) <= 3 else f"{shown} and {len(listed) - 3:,} others"


def refuse_missing_unless(allowed: bool, notes: list[str], where: Path, expected: str, ids: Sequence[str]) -> None:
    """Refuse a data set that lacks something for some films, or note it where the user allows that.

    Raises:
        HilumError: some are missing and that is not allowed.
    """
    if not len(ids):
        return
    if not allowed:
        raise HilumError(
            where,
            expected=expected,
            found=f"{len(ids):,} missing ({some(ids)})",
            fix="Get them, or go on without them: --allow-missing.",
        )
    notes.append(f"{len(ids):,} missing where {expected} was expected; allowed")


def column_names(path: Path) -> list[str]:
    """The first line of a CSV (plain or .gz), as it is written.

    Raises:
        HilumError: not UTF-8, or a line beyond `MAX_CELL` characters.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
            line = stream.readline(MAX_CELL)
            text = line.decode("utf-8-sig")
        names = next(csv.reader(io.StringIO(text)), [])
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise HilumError(path, expected="a CSV, UTF-8", found=str(error), fix="Get the table again.") from error
    if len(line) == MAX_CELL:
        found = f"a first line of {MAX_CELL:,} characters or more"
        raise HilumError(path, expected="a CSV with a header", found=found, fix="Get the table again.")
    return names


def quoted(value: object) -> str:
    """A value of a table as messages show it: at most 60 characters of it."""
    text = str(value)
    return repr(value) if len(text) <= 60 else repr(f"{text[:59]}…")
