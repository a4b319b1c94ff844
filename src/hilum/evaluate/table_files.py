"""Tables that people bring, CSV or Parquet, with ids that stay text."""

from pathlib import Path

import polars as pl

from hilum.errors import HilumError

NAMES = ("image_id", "patient_id", "split")
"""Columns that are text whatever they look like: 00000013 is an id, not a number."""


def read_table(path: Path, *, what: str) -> pl.DataFrame:
    """Read a Parquet file or a CSV file, whichever it is.

    Args:
        path: the file.
        what: what it should be, for messages, for example "a table of predictions".

    Raises:
        HilumError: no such file, or no table in it.
    """
    if not path.is_file():
        found = "a directory" if path.is_dir() else "no such file"
        raise HilumError(path, expected=what, found=found, fix="Give a .parquet or .csv file.")
    with path.open("rb") as stream:
        parquet = stream.read(4) == b"PAR1"
    try:
        if parquet:
            return pl.read_parquet(path)
        if path.suffix in (".parquet", ".pq"):
            raise pl.exceptions.ComputeError("it does not begin as a Parquet file does")
        return pl.read_csv(
            path,
            infer_schema_length=None,
            schema_overrides=dict.fromkeys(NAMES, pl.String),
            null_values=["", "NA", "null", "None"],
        )
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as problem:
        raise HilumError(
            path,
            expected=f"{what} (Parquet, or CSV in UTF-8 with a header)",
            found=f"something else ({str(problem).splitlines()[0]})",
            fix="Write it as .parquet or .csv.",
        ) from problem
