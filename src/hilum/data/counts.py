"""Numbers of images, patients and positives by split and finding."""

import polars as pl

from hilum.data.manifest import finding_columns, is_labelled


def count_images(manifest: pl.DataFrame, split: pl.DataFrame | None = None) -> pl.DataFrame:
    """Count the images of every split and finding.

    Args:
        manifest: Manifest.
        split: Assignment (`image_id`, `split`); images that it lacks are not counted. Default: the manifest's own
            column `split`; images without a value count as "unlisted".

    Returns:
        One row for each split and finding, in the order train, val, train_val, test, others: `split`, `finding` (null
        once if the manifest has no finding), `images` and `patients` of the split, then of the finding in the split:
        `positives`, `positive_patients`, `single_label` (images positive for this finding only) and `uncertain`;
        last `unlabelled`, images of the split without any label (`hilum.data.manifest`).
    """
    if split is not None:
        manifest = manifest.drop("split").join(split.select("image_id", "split"), on="image_id", how="inner")
    manifest = manifest.with_columns(pl.col("split").fill_null("unlisted"))
    findings = finding_columns(manifest)
    totals = manifest.group_by("split").agg(
        pl.len().cast(pl.Int64).alias("images"), pl.col("patient_id").n_unique().cast(pl.Int64).alias("patients")
    )
    without = manifest.filter(~is_labelled(manifest)).group_by("split").agg(pl.len().cast(pl.Int64).alias("unlabelled"))
    labels = pl.sum_horizontal(pl.col(findings) == 1) if findings else pl.lit(0)
    manifest = manifest.with_columns(labels=labels)
    by_finding = pl.concat([_count_one(manifest, finding) for finding in (findings or (None,))])
    order = pl.col("split").replace_strict(
        {"train": 0, "val": 1, "train_val": 2, "test": 3}, default=4, return_dtype=pl.Int32
    )
    counts = totals.join(by_finding, on="split", maintain_order="right").sort(order, "split", maintain_order=True)
    return counts.join(without, on="split", how="left", maintain_order="left").with_columns(
        pl.col("unlabelled").fill_null(0)
    )


def _count_one(manifest: pl.DataFrame, finding: str | None) -> pl.DataFrame:
    code = pl.lit(None, dtype=pl.Int8) if finding is None else pl.col(finding)
    positive = code.eq_missing(1)
    return manifest.group_by("split").agg(
        pl.lit(finding, dtype=pl.String).alias("finding"),
        positive.sum().cast(pl.Int64).alias("positives"),
        pl.col("patient_id").filter(positive).n_unique().cast(pl.Int64).alias("positive_patients"),
        (positive & (pl.col("labels") == 1)).sum().cast(pl.Int64).alias("single_label"),
        code.eq_missing(-1).sum().cast(pl.Int64).alias("uncertain"),
    )
