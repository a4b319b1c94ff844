"""Native tables and files, read as text; missing, repeated or hostile content is refused."""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import polars as pl

from hilum.data.tables.column_names import refuse_patterns
from hilum.errors import HilumError, HilumErrors
from hilum.notes import Code, Note, note

MAX_CELL = 100_000
"""Largest number of characters in one cell; the longest report in a public table has a few thousand."""

MAX_TABLE = 1 << 31
"""Largest size of a decompressed table or list, bytes; the largest public one has about a tenth of that."""

_GZIP = b"\x1f\x8b"
_SHOWN = 3


def find_table(root: Path, *names: str) -> Path | None:
    """Return the first existing file of these names below the root, plain or with .gz; None if there is none."""
    for name in names:
        for path in (root / name, root / f"{name}.gz"):
            if path.is_file():
                return path
    return None


def read_table(path: Path, required: Sequence[str], optional: Sequence[str] = (), *, of: str) -> pl.DataFrame:
    """Read a CSV (plain or gzip) as text.

    Args:
        path: Table with a header; UTF-8, with or without a byte order mark.
        required: Required columns.
        optional: Optional columns; others are not read.
        of: Expected owner of the table for the message, such as "CheXpert's".

    Returns:
        The required columns and the available optional ones, in this order; values are stripped and empty values are
        null. Rows without any value are dropped.

    Raises:
        HilumError, HilumErrors: As `csv_rows`; a missing or repeated column, a cell longer than `MAX_CELL`.
    """
    header, rows = csv_rows(path)
    problems = [f"column {name!r}: expected, but missing" for name in required if name not in header]
    problems += [
        f"column {name!r}: expected once, found {header.count(name)} times"
        for name in dict.fromkeys([*required, *optional])
        if header.count(name) > 1
    ]
    if problems:
        raise HilumErrors(path, problems, fix=f"this is not {of} table")
    columns = [*required, *(name for name in optional if name in header)]
    # Columns are read by position: repeated names of other columns do not matter.
    return text_columns(path, rows, {name: header.index(name) for name in columns})


def read_csv_text(path: Path) -> pl.DataFrame:
    """Read every named column of a CSV (plain or gzip) as text.

    Returns:
        As `read_table`. A column without a name, as written by spreadsheets and pandas, is dropped.

    Raises:
        HilumError, HilumErrors: As `csv_rows`; a repeated column, a cell longer than `MAX_CELL`.
    """
    header, rows = csv_rows(path)
    twice = [name for name in dict.fromkeys(header) if name and header.count(name) > 1]
    if twice:
        problems = [f"column {quoted(name)}: expected once, found {header.count(name)} times" for name in twice]
        raise HilumErrors(path, problems, fix="remove all but one")
    refuse_patterns(path, header)
    return text_columns(path, rows, {name: place for place, name in enumerate(header) if name})


def text_columns(path: Path, rows: Iterable[Sequence[str]], places: Mapping[str, int]) -> pl.DataFrame:
    """Convert fields of the rows of `csv_rows` to columns of text, stripped, with null for empty values.

    Args:
        path: Path of the table, for the message.
        rows: Rows of `csv_rows`.
        places: Column to the index of its field, from 0.

    Raises:
        HilumError: A cell longer than `MAX_CELL`.
    """
    if isinstance(rows, _PlainRows):
        text = rows.columns(places)
    else:
        chosen = list(places.values())
        picked = list(zip(*([row[place] for place in chosen] for row in rows), strict=True)) or [()] * len(chosen)
        text = pl.DataFrame(
            {name: pl.Series(values, dtype=pl.String) for name, values in zip(places, picked, strict=True)}
        )
    text = text.select(pl.all().str.strip_chars().replace("", None))
    for name in places:
        refuse_long_cells(text[name], f"{path}, column {name!r}")
    return text


def csv_rows(path: Path) -> tuple[list[str], Iterable[list[str]]]:
    """Parse a CSV: the names of its columns, and an iterator of its rows. All CSVs are read by this function.

    Args:
        path: Plain or gzip, UTF-8, fields separated by commas.

    Returns:
        The stripped header, and the rows, each as long as the header. Empty fields beyond it, and rows without any
        value, are dropped.

    Raises:
        HilumError, HilumErrors: As `read_text`; other separators; and, after all rows have been read, an unclosed
            quote, or rows with more or fewer fields than the header.
    """
    text = read_text(path)
    plain = _plain_rows(text)
    if plain is not None:
        _refuse_other_separators(path, plain[0], text)
        return plain
    lines = _numbered_rows(path, text)
    header = [name.strip() for name in next(lines, (1, list[str]()))[1]]
    _refuse_other_separators(path, header, text)
    return header, _checked_rows(path, lines, header)


class _PlainRows:
    """Rows of a table without quotes, split at commas in one operation.

    Args:
        lines: Non-empty lines after the header.
        width: Number of fields of the header; lines have no more.
    """

    def __init__(self, lines: pl.Series, width: int) -> None:
        self._lines, self._width = lines, width

    def __iter__(self) -> Iterator[list[str]]:
        for line in self._lines:
            fields = line.split(",")
            yield [*fields, *[""] * (self._width - len(fields))]

    def columns(self, places: Mapping[str, int]) -> pl.DataFrame:
        """Return fields by their positions, as text, unchanged."""
        fields = self._lines.alias("line").to_frame().select(pl.col("line").str.split_exact(",", self._width - 1))
        return fields.select(
            pl.col("line").struct.field(f"field_{place}").fill_null("").alias(name) for name, place in places.items()
        )


def _plain_rows(text: str) -> tuple[list[str], _PlainRows] | None:
    """Return header and rows of a table without quotes and with lines of consistent length; None for other tables."""
    text = text.replace("\r\n", "\n")
    if '"' in text or "\r" in text:
        return None
    first, *others = text.split("\n")
    header = [name.strip() for name in first.split(",")]
    named = max((place for place, name in enumerate(header, 1) if name), default=0)
    lines = pl.Series("line", others, dtype=pl.String)
    lines = lines.filter(lines.str.strip_chars(",") != "")
    fields, longest = lines.str.count_matches(",", literal=True) + 1, lines.str.len_bytes().max()
    plain = first and len(first) < MAX_CELL and (not isinstance(longest, int) or longest < MAX_CELL)
    if not plain or not fields.is_between(named, len(header)).all():
        return None
    return header, _PlainRows(lines, len(header))


def _numbered_rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV, each with the number of its first line."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise _no_csv(path, line, error) from error
        if row is None:
            return
        yield line, row


def _checked_rows(path: Path, lines: Iterator[tuple[int, list[str]]], header: list[str]) -> Iterator[list[str]]:
    width = len(header)
    # Trailing columns without a name, as in ChestX-ray14's table of boxes, may be missing.
    named = max((place for place, name in enumerate(header, 1) if name), default=0)
    problems = []
    for line, row in lines:
        fields = len(row)
        if fields != width and any(row):
            if fields < named or any(field.strip() for field in row[width:]):
                problems.append(f"line {line}: expected {named:,} fields, as in the header; found {fields:,}")
            row = [*row[:width], *[""] * (width - fields)]
        if any(row):
            yield row
    if problems:
        more = [f"and {len(problems) - _SHOWN:,} lines more"] if len(problems) > _SHOWN else []
        fix = 'get the table again if it is truncated, and put text with commas into "quotes"'
        raise HilumErrors(path, problems[:_SHOWN] + more, fix=fix)


def _no_csv(path: Path, line: int, error: csv.Error) -> HilumError:
    if "field larger" in str(error):
        expected = f"at most {MAX_CELL:,} characters in a cell"
        found = f"more in line {line:,}, as after an unclosed quote"
    elif "unexpected end" in str(error):
        expected, found = "a CSV, quotes in pairs around text", f"an unclosed quote in line {line:,}"
    else:
        expected, found = "a CSV, quotes in pairs around text", f"line {line:,} with {error}"
    fix = "Close or remove the quote, or get the table again."
    return HilumError(path, expected=expected, found=found, fix=fix)


def _refuse_other_separators(path: Path, header: list[str], text: str) -> None:
    first = text.partition("\n")[0]
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if separator in first and (len(header) == 1 or first.count(separator) > first.count(",")):
            fix = "Save it as CSV with commas (and numbers with decimal points)."
            raise HilumError(path, expected="fields separated by commas", found=name, fix=fix)


def read_lines(path: Path) -> list[str]:
    """Read the stripped lines of a list (plain or gzip, UTF-8), including empty ones.

    Raises:
        HilumError: As `read_text`.
    """
    return [line.strip() for line in read_text(path).splitlines()]


def read_text(path: Path) -> str:
    """Read the text of a file; gzip is recognised by content, not by name.

    Raises:
        HilumError: An unreadable file, a truncated or damaged archive, more than `MAX_TABLE` bytes, or another encoding
            than UTF-8.
    """
    again = "Get the file again."
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == _GZIP
        with gzip.open(path, "rb") if packed else path.open("rb") as stream:
            content = stream.read(MAX_TABLE + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        found = "a truncated one" if isinstance(error, EOFError) else f"a damaged one ({error})"
        raise HilumError(path, expected="a whole gzip file", found=found, fix=again) from error
    except OSError as error:
        found = (error.strerror or str(error)).lower()
        raise HilumError(path, expected="a file that can be read", found=found, fix="Check the path.") from error
    if len(content) > MAX_TABLE:
        raise HilumError(path, expected=f"at most {MAX_TABLE:,} bytes of text", found="more", fix=again)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content:
        found = "UTF-16 or another encoding with zero bytes"
        raise HilumError(path, expected="text, UTF-8", found=found, fix="Save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{content[error.start]:02x} in line {line:,}, which is invalid in UTF-8"
        raise HilumError(path, expected="text, UTF-8", found=found, fix="Save it as UTF-8 (not as Latin-1).") from error


def refuse_long_cells(column: pl.Series, where: str) -> None:
    """Refuse a column of text with a cell longer than `MAX_CELL`.

    Raises:
        HilumError: The column has one.
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
    """Refuse a table with invalid values; the message has the first three lines of each kind.

    Args:
        path: Path of the table.
        rows: Rows of the table, in its order.
        wrong: Column to (condition of invalid values, expected values).
        first_line: Line number of the first row.

    Raises:
        HilumErrors: Any row is invalid.
    """
    numbered = rows.with_row_index("line", first_line)
    problems = [
        f"line {line}: {column} is {quoted(value)}, expected {expected}"
        for column, (bad, expected) in wrong.items()
        for line, value in numbered.filter(bad).select("line", column).head(3).rows()
    ]
    if problems:
        raise HilumErrors(path, problems, fix="get the table again, or correct these lines")


def escapes_root(path: str) -> bool:
    """Return true for a path in a table that leads out of its root."""
    return path.startswith(("/", "\\")) or ".." in PurePosixPath(path.replace("\\", "/")).parts or ":" in path[:3]


def some(values: Collection[object]) -> str:
    """List the first three values and the number of others."""
    listed = list(values)
    shown = ", ".join(str(value) for value in listed[:3])
    return shown if len(listed) <= 3 else f"{shown} and {len(listed) - 3:,} others"


def refuse_missing_unless(allowed: bool, notes: list[Note], where: Path, expected: str, ids: Sequence[str]) -> None:
    """Refuse a data set with missing parts, or note them if the user allows that.

    Raises:
        HilumError: Parts are missing and that is not allowed.
    """
    if not len(ids):
        return
    if not allowed:
        raise HilumError(
            where,
            expected=expected,
            found=f"{len(ids):,} missing ({some(ids)})",
            fix="Get them, or continue without them: --allow-missing.",
        )
    notes.append(note(Code.MISSING_ALLOWED, missing=len(ids), expected=expected))


def quoted(value: object) -> str:
    """Format a value of a table for messages: at most 60 characters."""
    text = str(value)
    return repr(value) if len(text) <= 60 else repr(f"{text[:59]}…")
