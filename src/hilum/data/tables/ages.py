"""Ages in tables and DICOM headers, converted to years."""

import polars as pl

PER_YEAR = {"Y": 1.0, "M": 12.0, "W": 52.18, "D": 365.25}


def years(column: str) -> pl.Expr:
    """Convert a column of ages to years; null for other text.

    Args:
        column: Column of text such as "58", "58.0", "058Y", "010M" (months), "006W" (weeks) or "027D" (days): DICOM's
            Age String (PS3.5 6.2), with any number of digits; years without a unit.
    """
    written = pl.col(column).str.to_uppercase().str.extract_groups(r"^(\d+(?:\.\d*)?)\s*([YMWD]?)$")
    number, unit = written.struct.field("1").cast(pl.Float64), written.struct.field("2").replace("", "Y")
    return number / unit.replace_strict(PER_YEAR, default=None, return_dtype=pl.Float64)
