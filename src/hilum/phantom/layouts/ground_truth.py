"""Ground truth of generated boxes and readings, as tables of `hilum.data.collections.Dataset`."""

from collections.abc import Iterable

import polars as pl

BoxRow = tuple[str, str, float, float, float, float, int, int]
"""Row of a box: image_id, finding, x, y, width, height, frame_width, frame_height."""


def box_table(rows: Iterable[BoxRow]) -> pl.DataFrame:
    """Return a table of boxes."""
    return pl.DataFrame(list(rows), _boxes(), orient="row")


def box_table_with_readers(rows: Iterable[tuple[BoxRow, str | None]]) -> pl.DataFrame:
    """Return a table of boxes of several readers: each with its reader, None for a consensus."""
    return pl.DataFrame([(*box, reader) for box, reader in rows], {**_boxes(), "reader": pl.String}, orient="row")


def reading_table(rows: Iterable[tuple[str, str, str, int]]) -> pl.DataFrame:
    """Return a table of readings, from image_id, reader, finding, code."""
    schema = {"image_id": pl.String, "reader": pl.String, "finding": pl.String, "code": pl.Int8}
    return pl.DataFrame(list(rows), schema, orient="row")


def _boxes() -> dict[str, type[pl.DataType]]:
    numbers = dict.fromkeys(("x", "y", "width", "height"), pl.Float64)
    return {"image_id": pl.String, "finding": pl.String, **numbers, "frame_width": pl.Int32, "frame_height": pl.Int32}
