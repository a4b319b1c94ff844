"""The ledger of Hilum's own runs: every film that had a part in weights, in `seen.parquet` beside them.

A film's patient is known by the collection's name and the patient's ("chestxray14:13"), so that films of two data sets
never meet by accident. What published weights have seen stands on the card as statements instead
(`hilum.encoders.published.statements`): their authors seldom say more.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import polars as pl

from hilum.artifacts import whole_file
from hilum.errors import HilumError

SEEN = "seen.parquet"
_SCHEMA = {"collection": pl.String, "patient_id": pl.String, "image_id": pl.String, "part": pl.String}


def seen_films(image_ids: Sequence[str], patient_ids: Sequence[str], part: Literal["train", "val"]) -> pl.DataFrame:
    """Rows of the ledger.

    Args:
        image_ids: of the films.
        patient_ids: of each film, "<collection>:<patient>".
        part: "train": weights were fitted to them; "val": they chose the best epoch.

    Returns:
        `collection`, `patient_id` (without the collection), `image_id`, `part`.
    """
    patients = pl.Series(patient_ids, dtype=pl.String).str.splitn(":", 2)
    return pl.DataFrame(
        {
            "collection": patients.struct.field("field_0"),
            "patient_id": patients.struct.field("field_1"),
            "image_id": pl.Series(image_ids, dtype=pl.String),
            "part": pl.repeat(part, len(image_ids), dtype=pl.String, eager=True),
        },
        schema=_SCHEMA,
    )


def write_seen(directory: Path, *films: pl.DataFrame) -> None:
    """Write the ledger of a run: films it has seen, and those that the weights it started from had.

    A film that trained anywhere counts as trained on.
    """
    rows = pl.concat([*films, pl.DataFrame(schema=_SCHEMA)])
    rows = rows.sort("collection", "patient_id", "image_id", "part").unique(  # "train" stands before "val"
        ["collection", "patient_id", "image_id"], keep="first", maintain_order=True
    )
    with whole_file(directory / SEEN) as beside:
        rows.write_parquet(beside)


def read_seen(directory: Path) -> pl.DataFrame | None:
    """The ledger beside weights; None where there is none, as with runs before there was one.

    Raises:
        HilumError: the file has other columns, or is damaged.
    """
    path = directory / SEEN
    if not path.is_file():
        return None
    try:
        rows = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise HilumError(path, expected="a Parquet file", found=str(error), fix="Copy the run again.") from error
    if dict(rows.schema) != _SCHEMA:
        raise HilumError(path, expected=", ".join(_SCHEMA), found=", ".join(rows.columns), fix="Copy the run again.")
    return rows
