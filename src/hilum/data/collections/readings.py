"""Readings of several people: conversion to one row for each image, and to one row for each code."""

from collections.abc import Sequence

import polars as pl


def consensus_codes(readings: pl.DataFrame, findings: Sequence[str]) -> pl.DataFrame:
    """Combine the codes of several readers of each image.

    Args:
        readings: `image_id` and one column of codes for each finding; one row for each image and reader.
        findings: Names of these columns.

    Returns:
        `image_id` and the findings, one row for each image in order of first appearance: the code that all readers
        give, -1 if they differ, null if none gives any.
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
    """Return `image_id`, `reader`, `finding`, `code` from one column for each finding; blank codes are dropped."""
    long = readings.unpivot(findings, index=["image_id", "reader"], variable_name="finding", value_name="code")
    return long.drop_nulls("code").cast({"code": pl.Int8})
