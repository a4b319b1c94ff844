"""The whole examination: every image measured, every check run, everything left as plain tables."""

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
"""Folder of what was measured; a second examination of the same images starts from it."""
FILES = ("doctor.parquet", "counts.parquet", "missing.parquet", "duplicates.parquet")


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes:
        data_sets: what was examined.
        split: the list that counts and leaks are about, such as "official".
        issues: the worst first.
        counts: see `counts.count`.
        missing: see `counts.missing`.
        images: every image: `data_set`, `image_id`, `reason`, `likeness` and the columns of `images.Image`.
        copies: see `copies.find_copies`.
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
    """Measure every image of some data sets.

    Args:
        data_sets: named apart.
        out: what was measured stays in `measured/NAME` below it, so that a killed examination goes on and a second one
            need not decode again.
        workers: threads; the processor's cores by default.
        on_progress: called with (images measured, images, note) of all data sets together.

    Returns:
        What was measured of each data set, and how alike its images are to the typical one (column `likeness`).
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
    """Run every check, and look for one image under several names within and across data sets.

    Args:
        data_sets: with the list to look at in the column `split` (`examined.with_split`).
        measured: of `measure_all`.
        split: name of the list.
        workers: threads; the processor's cores by default. They do not change the result.
        on_progress: called with (images hashed, images, note) while copies are looked for.
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
    """Write doctor.parquet, counts.parquet, missing.parquet and duplicates.parquet, each whole or not at all."""
    tables = (as_table(diagnosis.issues), diagnosis.counts, diagnosis.missing, diagnosis.copies)
    for name, table in zip(FILES, tables, strict=True):
        with whole_file(out / name) as beside:
            table.write_parquet(beside)


def _with_likeness(data_set: CheckedDataset, measured: ImageMeasurements) -> ImageMeasurements:
    readable = measured.images["reason"].is_null().to_numpy()
    views = data_set.manifest["view"].fill_null(UNKNOWN).to_list()
    like = pl.Series("likeness", likeness(measured.thumbnails, views, np.asarray(readable)), dtype=pl.Float64)
    return ImageMeasurements(measured.images.with_columns(like.fill_nan(None)), measured.thumbnails)
