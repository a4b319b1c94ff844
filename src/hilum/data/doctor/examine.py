"""Examination of data sets: measurement of every image, all checks, and output tables."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from hilum.artifacts import whole_file
from hilum.data.doctor.checked_dataset import CheckedDataset
from hilum.data.doctor.copies import copy_issues, find_copies
from hilum.data.doctor.counts import UNKNOWN, count, missing
from hilum.data.doctor.image_issues import image_issues
from hilum.data.doctor.issues import Issue, as_table, in_order
from hilum.data.doctor.labels import label_issues
from hilum.data.doctor.measurements import ImageMeasurements, measure_images
from hilum.data.doctor.patients import patient_issues, shared_patients
from hilum.data.doctor.typical import likeness
from hilum.progress import ProgressReport, silent

MEASURED = "measured"
"""Folder of the measurements; a second run on the same images reuses them."""
FILES = ("doctor.parquet", "counts.parquet", "missing.parquet", "duplicates.parquet")


@dataclass(frozen=True)
class Diagnosis:
    """Result of all checks.

    Attributes:
        data_sets: Data sets that were checked.
        split: Name of the split in counts and leakage checks, such as "official".
        issues: Issues, most severe first.
        counts: See `counts.count`.
        missing: See `counts.missing`.
        images: Every image: `data_set`, `image_id`, `reason`, `likeness` and the columns of `images.Image`.
        copies: See `copies.find_copies`.
    """

    data_sets: Sequence[CheckedDataset]
    split: str
    issues: Sequence[Issue]
    counts: pl.DataFrame
    missing: pl.DataFrame
    images: pl.DataFrame
    copies: pl.DataFrame


def measure_all(
    data_sets: Sequence[CheckedDataset],
    out: Path,
    *,
    workers: int | None = None,
    on_progress: ProgressReport = silent,
) -> list[ImageMeasurements]:
    """Measure every image of the data sets.

    Args:
        data_sets: Data sets with unique names.
        out: Output folder; measurements are kept in `measured/NAME` below it, so that an interrupted run resumes and a
            second one does not decode again.
        workers: Number of threads; default: number of processor cores.
        on_progress: Called with (images measured, images, note) over all data sets.

    Returns:
        Measurements of each data set, with correlations with the typical image (column `likeness`).
    """
    images, before, measured = sum(len(data_set.manifest) for data_set in data_sets), 0, []
    for data_set in data_sets:

        def report(done: int, _: int, note: str, before: int = before) -> None:
            on_progress(before + done, images, note)

        place = out / MEASURED / data_set.name
        one = measure_images(data_set.manifest, data_set.root, place, workers=workers, on_progress=report)
        measured.append(_with_likeness(data_set, one))
        before += len(data_set.manifest)
    return measured


def diagnose(
    data_sets: Sequence[CheckedDataset],
    measured: Sequence[ImageMeasurements],
    *,
    split: str = "official",
    workers: int | None = None,
    on_progress: ProgressReport = silent,
) -> Diagnosis:
    """Run every check, including the search for duplicates within and across data sets.

    Args:
        data_sets: Data sets with the split of interest in the column `split` (`checked_dataset.with_split`).
        measured: Result of `measure_all`.
        split: Name of the split.
        workers: Number of threads; default: number of processor cores. The result does not depend on it.
        on_progress: Called with (images hashed, images, note) during the search for duplicates.
    """
    copies = find_copies(data_sets, measured, workers=workers or os.cpu_count() or 1, on_progress=on_progress)
    issues: list[Issue] = []
    for data_set, one in zip(data_sets, measured, strict=True):
        issues += [*label_issues(data_set), *patient_issues(data_set), *image_issues(data_set, one)]
    issues += [*shared_patients(data_sets), *copy_issues(copies)]
    named = [
        one.images.select(pl.lit(data_set.name).alias("data_set"), pl.all())
        for data_set, one in zip(data_sets, measured, strict=True)
    ]
    images = pl.concat(named)
    return Diagnosis(data_sets, split, in_order(issues), count(data_sets), missing(data_sets), images, copies)


def write_tables(diagnosis: Diagnosis, out: Path) -> None:
    """Write doctor.parquet, counts.parquet, missing.parquet and duplicates.parquet, each atomically."""
    tables = (as_table(diagnosis.issues), diagnosis.counts, diagnosis.missing, diagnosis.copies)
    for name, table in zip(FILES, tables, strict=True):
        with whole_file(out / name) as beside:
            table.write_parquet(beside)


def _with_likeness(data_set: CheckedDataset, measured: ImageMeasurements) -> ImageMeasurements:
    readable = measured.images["reason"].is_null().to_numpy()
    views = data_set.manifest["view"].fill_null(UNKNOWN).to_list()
    like = pl.Series("likeness", likeness(measured.thumbnails, views, np.asarray(readable)), dtype=pl.Float64)
    return ImageMeasurements(measured.images.with_columns(like.fill_nan(None)), measured.thumbnails)
