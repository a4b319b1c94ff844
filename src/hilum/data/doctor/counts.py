"""Counts of images by split, finding, view, sex and age band, and fractions of missing values."""

from collections.abc import Sequence

import polars as pl

from hilum.data.doctor.checked_dataset import CheckedDataset
from hilum.data.manifest import finding_columns

AGE_BANDS: tuple[tuple[str, float, float], ...] = (
    ("0–17", 0, 18),
    ("18–39", 18, 40),
    ("40–59", 40, 60),
    ("60–79", 60, 80),
    ("80+", 80, 1_000),
)
"""Name, lower limit (included) and upper limit (excluded) of each band, years."""
UNKNOWN, UNLISTED = "unknown", "unlisted"
_SPLIT_ORDER = {"train": 0, "val": 1, "train_val": 2, "test": 3}
_BY = ("split", "view", "sex", "age_band")
_BLANK = ("view", "age", "sex", "study_id", "split")
_SCHEMA = {
    "data_set": pl.String,
    "split": pl.String,
    "finding": pl.String,
    "view": pl.String,
    "sex": pl.String,
    "age_band": pl.String,
    "images": pl.Int64,
    "patients": pl.Int64,
    "positive": pl.Int64,
    "positive_patients": pl.Int64,
    "uncertain": pl.Int64,
    "negative": pl.Int64,
    "not_mentioned": pl.Int64,
}


def banded(manifest: pl.DataFrame) -> pl.DataFrame:
    """Add `age_band`, and replace blanks in `split`, `view` and `sex` by words."""
    band = pl.lit(UNKNOWN)
    for name, low, high in AGE_BANDS:
        band = pl.when((pl.col("age") >= low) & (pl.col("age") < high)).then(pl.lit(name)).otherwise(band)
    return manifest.with_columns(
        pl.col("split").fill_null(UNLISTED),
        pl.col("view").fill_null(UNKNOWN),
        pl.col("sex").fill_null(UNKNOWN),
        band.alias("age_band"),
    )


def count(data_sets: Sequence[CheckedDataset]) -> pl.DataFrame:
    """Count images by data set, split, finding, view, sex and age band.

    Returns:
        One row for each combination that occurs: `data_set`, `split` ("unlisted" if blank), `finding` (null once if a
        data set has no labels), `view`, `sex`, `age_band` ("unknown" if blank); `images` and `patients` of the
        combination; images that are `positive` (1), `uncertain` (-1), `negative` (0) and `not_mentioned` (null) for the
        finding, and `positive_patients`.
    """
    parts = [pl.DataFrame(schema=_SCHEMA)]
    for data_set in data_sets:
        images = banded(data_set.manifest)
        findings: list[str | None] = [*finding_columns(data_set.manifest)]
        for finding in findings or [None]:
            code = pl.lit(None, dtype=pl.Int8) if finding is None else pl.col(finding).cast(pl.Int8)
            counted = (
                images.with_columns(code.alias("_code"))
                .group_by(_BY)
                .agg(
                    pl.len().cast(pl.Int64).alias("images"),
                    pl.col("patient_id").n_unique().cast(pl.Int64).alias("patients"),
                    _sum(pl.col("_code").eq_missing(1)).alias("positive"),
                    pl.col("patient_id")
                    .filter(pl.col("_code") == 1)
                    .n_unique()
                    .cast(pl.Int64)
                    .alias("positive_patients"),
                    _sum(pl.col("_code").eq_missing(-1)).alias("uncertain"),
                    _sum(pl.col("_code").eq_missing(0)).alias("negative"),
                    _sum(pl.col("_code").is_null()).alias("not_mentioned"),
                )
            )
            named = counted.with_columns(
                pl.lit(data_set.name).alias("data_set"), pl.lit(finding, dtype=pl.String).alias("finding")
            ).select(list(_SCHEMA))
            parts.append(named.sort(_rank("split"), *_BY))
    return pl.concat(parts)


def missing(data_sets: Sequence[CheckedDataset]) -> pl.DataFrame:
    """Compute the fraction of images without a value.

    Returns:
        One row for each data set and column: `data_set`, `column` (`view`, `age`, `sex`, `study_id`, `split` and every
        finding), `images` without a value and their `share` (fraction).
    """
    rows = [
        (data_set.name, column, data_set.manifest[column].null_count(), len(data_set.manifest))
        for data_set in data_sets
        for column in (*_BLANK, *finding_columns(data_set.manifest))
    ]
    return pl.DataFrame(
        [(name, column, blank, blank / images if images else 0.0) for name, column, blank, images in rows],
        schema={"data_set": pl.String, "column": pl.String, "images": pl.Int64, "share": pl.Float64},
        orient="row",
    )


def _rank(column: str) -> pl.Expr:
    return pl.col(column).replace_strict(_SPLIT_ORDER, default=4, return_dtype=pl.Int32)


def _sum(condition: pl.Expr) -> pl.Expr:
    return condition.sum().cast(pl.Int64)
