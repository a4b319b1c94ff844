"""Manifest of several data sets."""

from collections.abc import Mapping

import polars as pl

from hilum.data.manifest import FIXED_COLUMNS, finding_columns, is_labelled, is_patient_known
from hilum.data.patients import patient_names


def stack_manifests(manifests: Mapping[str, pl.DataFrame], issuers: Mapping[str, str]) -> pl.DataFrame:
    """Stack the images of several data sets in one manifest, to split patients that may be in more than one of them.

    Args:
        manifests: Manifest of each data set by name; N images in total.
        issuers: Issuer of each set's patient ids (`hilum.data.patients.names.issuer_of`).

    Returns:
        N rows: `image_id` and `study_id` become "name:id"; `patient_id` the patient's full name; `path` "name/path",
        below a folder with the sets by name; `labelled` and `patient_known`; then the findings of all, null for a set
        without such a column. Splits other than `split` are dropped: they belong to their own set.
    """
    findings = list(dict.fromkeys(name for manifest in manifests.values() for name in finding_columns(manifest)))
    stacked = pl.concat(
        [
            manifest.select(*FIXED_COLUMNS, *finding_columns(manifest)).with_columns(
                pl.format("{}:{}", pl.lit(name), "image_id").alias("image_id"),
                pl.format("{}:{}", pl.lit(name), "study_id").alias("study_id"),
                pl.format("{}/{}", pl.lit(name), "path").alias("path"),
                pl.Series("patient_id", patient_names(manifest["patient_id"], issuers[name]), dtype=pl.String),
                is_labelled(manifest),
                is_patient_known(manifest),
            )
            for name, manifest in manifests.items()
        ],
        how="diagonal_relaxed",
    )
    return stacked.select(*FIXED_COLUMNS, "labelled", "patient_known", *findings)
