"""Patients of a data set under one spelling each, so that no patient stands on two sides of a split as two."""

import polars as pl

from hilum.data.patients import canonical_patient_id
from hilum.data.tables import some


def spellings_of_patients(images: pl.DataFrame) -> dict[str, list[str]]:
    """The patients whose ids are written in several ways: canonical id to the ways.

    Args:
        images: with `patient_id`, text or null.
    """
    spelt: dict[str, list[str]] = {}
    for written in images["patient_id"].unique().drop_nulls().sort():
        spelt.setdefault(canonical_patient_id(written), []).append(written)
    return {patient: ways for patient, ways in spelt.items() if len(ways) > 1}


def with_canonical_patients(images: pl.DataFrame, notes: list[str]) -> pl.DataFrame:
    """Write every patient id as `canonical_patient_id` does, and note patients that were written in several ways.

    Args:
        images: with `patient_id`, text; null where it is not known. Ids that are no more than an image's own, given to
            images without a patient, must not be among them.
        notes: gains a line where ids that differ by leading zeros or ".0" only became one.
    """
    written = images["patient_id"].unique().drop_nulls().sort()
    canonical = pl.Series([canonical_patient_id(patient) for patient in written], dtype=pl.String)
    ways = [" = ".join(spellings) for spellings in spellings_of_patients(images).values()]
    if ways:
        notes.append(
            f"{len(ways):,} patients are written in several ways and taken for one person each: their ids differ by "
            f"leading zeros or .0 only ({some(ways)})"
        )
    ids = pl.col("patient_id").replace_strict(written, canonical, default=None, return_dtype=pl.String)
    return images.with_columns(ids.replace("", None).alias("patient_id"))
