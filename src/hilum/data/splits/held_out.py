"""Patients that a split excludes from pretraining: all patients of val and test, with all their images.

A split assigns the images of a task. Its patients may have further images: outside of the task's cohort, or unlabelled.
If the split follows a published list, that list also contains patients without any image in the task.
"""

from collections.abc import Sequence

import polars as pl

from hilum.data.splits.split import Split

HELD_OUT = ("val", "test")


def held_out_patients(manifest: pl.DataFrame, split: Split, parts: Sequence[str] = HELD_OUT) -> frozenset[str]:
    """Return the patients of the held-out parts of a split.

    Args:
        manifest: All images of the data set, in the task or not; `patient_id` and the published splits.
        split: Split of the task's images.
        parts: Held-out parts. A part that shares patients with train (`Split.sharing`) excludes no patient, only its
            images, see `held_out_images`.

    Returns:
        `patient_id` of each.
    """
    apart = [part for part in parts if part not in split.sharing]
    patients = set(split.assignment.filter(pl.col("split").is_in(apart))["patient_id"])
    if split.column is not None and split.column in manifest.columns:
        patients |= set(manifest.filter(pl.col(split.column).is_in(apart))["patient_id"])
    return frozenset(patients)


def held_out_images(split: Split) -> frozenset[str]:
    """Return the validation images of a split whose train and val parts share patients; empty for other splits."""
    parts = [part for part in HELD_OUT if part in split.sharing]
    return frozenset(split.assignment.filter(pl.col("split").is_in(parts))["image_id"])
