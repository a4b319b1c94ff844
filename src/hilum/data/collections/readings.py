"""Readings of several people: from one row an image and reader to one row an image."""

from collections.abc import Sequence

import polars as pl


def consensus_codes(readings: pl.DataFrame, findings: Sequence[str]) -> pl.DataFrame:
    """What several readers say together about each image.

    Args:
        readings: `image_id` and one column of codes a finding; one row an image and reader.
        findings: these columns.

    Returns:
        `image_id` and the findings, one row an image in the order of first appearance: the code that all readers give,
        -1 where they give different ones, null where none gives any.
    """
    return readings.group_by("image_id", maintain_order=True).agg(
        pl.when(pl.col(name).min() == pl.col(name).max())
        .then(pl.col(name).min())
        .when(pl.col(name).count() > 0)
        .then(pl.lit(-1, dtype=pl.Int8))
        .alias(name)
        for name in findings
    )


def long_readings(readings: pl.DataFrame, findings: Sequence[str]) -> pl.DataFrame:
    """`image_id`, `reader`, `finding`, `code` from one column a finding; blank codes have no row."""
    long = readings.unpivot(findings, index=["image_id", "reader"], variable_name="finding", value_name="code")
    return long.drop_nulls("code").cast({"code": pl.Int8})
