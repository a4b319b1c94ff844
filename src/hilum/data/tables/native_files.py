"""Native tables and files: read as text, with what is missing, doubled or hostile refused by name."""

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

MAX_CELL = 100_000
"""Characters in one cell; the longest report in a public table has a few thousand."""

MAX_TABLE = 1 << 31
"""Bytes of a table or list, unpacked; the largest public one has about a tenth of that."""

_GZIP = b"\x1f\x8b"
_SHOWN = 3


def find_table(root: Path, *names: str) -> Path | None:
    """The first of these files that is below the root, plain or with .gz; None where none is."""
    for name in names:
        for path in (root / name, root / f"{name}.gz"):
            if path.is_file():
                return path
    return None


def read_table(path: Path, required: Sequence[str], optional: Sequence[str] = (), *, of: str) -> pl.DataFrame:
    """Read a CSV (plain or gzip) as text.

    Args:
        path: with a header; UTF-8, with or without a byte order mark.
        required: columns that must be there.
        optional: columns that may be there; others are not read.
        of: whose table this should be, for the message, such as "CheXpert's".

    Returns:
        The required columns and those optional ones that are there, in this order; blanks around values are cut and
        empty values are null. Rows without any value are left out.

    Raises:
        HilumError, HilumErrors: as `csv_rows`; a column missing or twice, a cell beyond `MAX_CELL` characters.
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
    # Columns go by place: a name that stands twice elsewhere in the header does not matter.
    return text_columns(path, rows, {name: header.index(name) for name in columns})


def read_csv_text(path: Path) -> pl.DataFrame:
    """Read every column of a CSV (plain or gzip) that has a name, as text.

    Returns:
        As `read_table`. A column without a name, as spreadsheets and pandas write it, is left out.

    Raises:
        HilumError, HilumErrors: as `csv_rows`; a column twice, a cell beyond `MAX_CELL` characters.
    """
    header, rows = csv_rows(path)
    twice = [name for name in dict.fromkeys(header) if name and header.count(name) > 1]
    if twice:
        problems = [f"column {quoted(name)}: expected once, found {header.count(name)} times" for name in twice]
        raise HilumErrors(path, problems, fix="remove all but one")
    refuse_patterns(path, header)
    return text_columns(path, rows, {name: place for place, name in enumerate(header) if name})


def text_columns(path: Path, rows: Iterable[Sequence[str]], places: Mapping[str, int]) -> pl.DataFrame:
    """Some fields of the rows of `csv_rows` as columns of text; blanks are cut and empty values are null.

    Args:
        path: of the table, for the message.
        rows: of `csv_rows`.
        places: column to the number of its field, from 0.

    Raises:
        HilumError: a cell beyond `MAX_CELL` characters.
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
    """The one way in which Hilum reads a CSV: the names of its columns, and its rows as they are asked for.

    Args:
        path: plain or gzip, UTF-8, fields divided by commas.

    Returns:
        The header, blanks cut, and the rows: each as long as the header. Fields beyond it, if empty, and rows without
        any value are left out.

    Raises:
        HilumError, HilumErrors: as `read_text`; fields divided otherwise; and, once the rows have been gone through, a
            quote that never ends, or rows that have more or fewer fields than the header.
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
    """Rows of a table without quotes, whose fields are what stands between commas: those of `csv_rows`, at once.

    Args:
        lines: with something in them, behind the header.
        width: fields of the header; lines have no more of them.
    """

    def __init__(self, lines: pl.Series, width: int) -> None:
        self._lines, self._width = lines, width

    def __iter__(self) -> Iterator[list[str]]:
        for line in self._lines:
            fields = line.split(",")
            yield [*fields, *[""] * (self._width - len(fields))]

    def columns(self, places: Mapping[str, int]) -> pl.DataFrame:
        """Fields by their places, as text, as they stand."""
        fields = self._lines.alias("line").to_frame().select(pl.col("line").str.split_exact(",", self._width - 1))
        return fields.select(
            pl.col("line").struct.field(f"field_{place}").fill_null("").alias(name) for name, place in places.items()
        )


def _plain_rows(text: str) -> tuple[list[str], _PlainRows] | None:
    """Header and rows of a table as most are: no quotes, no line of another length than the header; None of others."""
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
    """The rows of a CSV, each with the number of the line that it begins in."""
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
    # Trailing columns without a name, as in ChestX-ray14's table of boxes, need not be there.
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
        fix = 'get the table again if it is cut short, and put text that holds commas into "quotes"'
        raise HilumErrors(path, problems[:_SHOWN] + more, fix=fix)


def _no_csv(path: Path, line: int, error: csv.Error) -> HilumError:
    if "field larger" in str(error):
        expected = f"at most {MAX_CELL:,} characters in a cell"
        found = f"more in line {line:,}, as where a quote opens and never ends"
    elif "unexpected end" in str(error):
        expected, found = "a CSV, quotes in pairs around text", f"in line {line:,} a quote that opens and never ends"
    else:
        expected, found = "a CSV, quotes in pairs around text", f"line {line:,} with {error}"
    fix = "Close or remove the quote, or get the table again."
    return HilumError(path, expected=expected, found=found, fix=fix)


def _refuse_other_separators(path: Path, header: list[str], text: str) -> None:
    first = text.partition("\n")[0]
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if separator in first and (len(header) == 1 or first.count(separator) > first.count(",")):
            fix = "Save it as CSV with commas (and numbers with decimal points)."
            raise HilumError(path, expected="fields divided by commas", found=name, fix=fix)


def read_lines(path: Path) -> list[str]:
    """The lines of a list (plain or gzip, UTF-8), blanks cut; empty ones are there too, to count by.

    Raises:
        HilumError: as `read_text`.
    """
    return [line.strip() for line in read_text(path).splitlines()]


def read_text(path: Path) -> str:
    """The text of a file, unpacked where it is gzip, whatever its name says.

    Raises:
        HilumError: not to be read, an archive that breaks off or is damaged, more than `MAX_TABLE` bytes, or text in
            another encoding than UTF-8.
    """
    again = "Get the file again."
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == _GZIP
        with gzip.open(path, "rb") if packed else path.open("rb") as stream:
            content = stream.read(MAX_TABLE + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        found = "one that breaks off" if isinstance(error, EOFError) else f"a damaged one ({error})"
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
        found = f"byte 0x{content[error.start]:02x} in line {line:,}, which UTF-8 does not have there"
        raise HilumError(path, expected="text, UTF-8", found=found, fix="Save it as UTF-8 (not as Latin-1).") from error


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
        raise HilumErrors(path, problems, fix="get the table again, or fix these lines")


def escapes_root(path: str) -> bool:
    """Whether a path written in a table would lead out of the root it starts from."""
    return path.startswith(("/", "\\")) or ".." in PurePosixPath(path.replace("\\", "/")).parts or ":" in path[:3]


def some(values: Collection[object]) -> str:
    """The first three values and how many others there are."""
    listed = list(values)
    shown = ", ".join(str(value) for value in listed[:3])
    return shown if len(listed) <= 3 else f"{shown} and {len(listed) - 3:,} others"


def refuse_missing_unless(allowed: bool, notes: list[str], where: Path, expected: str, ids: Sequence[str]) -> None:
    """Refuse a data set that lacks something for some images, or note it where the user allows that.

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


def quoted(value: object) -> str:
    """A value of a table as messages show it: at most 60 characters of it."""
    text = str(value)
    return repr(value) if len(text) <= 60 else repr(f"{text[:59]}…")
