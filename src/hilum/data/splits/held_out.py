"""Which patients a split keeps from pretraining: those who validate or test, whatever images they have.

A split assigns the images of a task. The same patients have further images: outside the task's cohort, or unlabelled.
Where the split follows a published list, that list also names patients who have no image in the task at all.
"""

from collections.abc import Sequence

import polars as pl

from hilum.data.splits.split import Split

HELD_OUT = ("val", "test")


def held_out_patients(manifest: pl.DataFrame, split: Split, parts: Sequence[str] = HELD_OUT) -> frozenset[str]:
    """Patients of the held-out parts of a split.

    Args:
        manifest: every image of the data set, in the task or not; `patient_id` and the published lists.
        split: of the task's images.
        parts: which parts are held out. A part that shares patients with train by the rule of the split
            (`Split.sharing`) holds nobody out: its images alone are kept back, see `held_out_images`.

    Returns:
        `patient_id` of each.
    """
    apart = [part for part in parts if part not in split.sharing]
    patients = set(split.assignment.filter(pl.col("split").is_in(apart))["patient_id"])
    if split.column is not None and split.column in manifest.columns:
        patients |= set(manifest.filter(pl.col(split.column).is_in(apart))["patient_id"])
    return frozenset(patients)


def held_out_images(split: Split) -> frozenset[str]:
    """Validation images of a split that lets patients train and validate; empty for every other split."""
    parts = [part for part in HELD_OUT if part in split.sharing]
    return frozenset(split.assignment.filter(pl.col("split").is_in(parts))["image_id"])
