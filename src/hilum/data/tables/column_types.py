"""Conversion of columns of any type to text or numbers, if unambiguous."""

import polars as pl

_WHOLE_FLOATS = 2.0**53  # beyond it not every whole number is a float


def as_text(column: pl.Series) -> pl.Series | None:
    """Convert a column of ids or words to text, stripped, with null for empty text; None for other types.

    Integers have no decimal point, whatever their type: 1.0 and Decimal("1.00") become "1".

    Args:
        column: Text, categories, numbers, truth values or nulls; not lists, structs, bytes, dates and durations.
    """
    kind = column.dtype
    if isinstance(kind, pl.String | pl.Categorical | pl.Enum | pl.Null) or kind.is_integer() or kind == pl.Boolean:
        text = column.cast(pl.String)
    elif kind.is_float():
        number = column.cast(pl.Float64).fill_nan(None)
        whole = number.is_finite() & (number == number.round()) & (number.abs() <= _WHOLE_FLOATS)
        digits = number.set(~whole.fill_null(False), None).cast(pl.Int64).cast(pl.String)
        text = digits.zip_with(whole.fill_null(False), number.cast(pl.String))
    elif kind.is_decimal():
        text = column.cast(pl.String).str.replace(r"\.0*$", "")
    else:
        return None
    return text.str.strip_chars().replace("", None)


def as_numbers(column: pl.Series) -> pl.Series | None:
    """Convert a column to Float64, with null for text that is not a number; None for other types.

    Args:
        column: Numbers, truth values (1 and 0), text or categories that may be numbers, or nulls.
    """
    kind = column.dtype
    if kind.is_numeric() or isinstance(kind, pl.Boolean | pl.Null):
        return column.cast(pl.Float64, strict=False)
    if isinstance(kind, pl.String | pl.Categorical | pl.Enum):
        return column.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    return None


def type_name(column: pl.Series) -> str:
    """Return the type of a column for a message."""
    kind = column.dtype
    words = {
        pl.List: "lists",
        pl.Array: "arrays",
        pl.Struct: "structs",
        pl.Binary: "bytes",
        pl.Date: "dates",
        pl.Datetime: "dates with times",
        pl.Duration: "durations",
        pl.Time: "times of day",
        pl.Object: "objects",
    }
    return next((name for known, name in words.items() if isinstance(kind, known)), str(kind).lower())
