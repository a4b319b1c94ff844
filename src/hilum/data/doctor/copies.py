"""Duplicates: images that occur several times, their consequence for a split, and the agreement of their labels."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.doctor.checked_dataset import CheckedDataset
from hilum.data.doctor.issues import Issue, Severity
from hilum.data.doctor.measurements import ImageMeasurements
from hilum.data.duplicates import NearDuplicates, duplicate_threshold, groups, near_duplicates
from hilum.data.manifest import finding_columns
from hilum.progress import ProgressReport, silent
from hilum.wording import counted

SAME_FILE, SAME_PIXELS, NEAR, NEGATIVE = "same file", "same pixels", "near", "negative"
_SIDES = ("a", "b")
_IMAGE = ("data_set", "image_id", "patient_id", "split", "path")


def find_copies(
    data_sets: Sequence[CheckedDataset],
    measured: Sequence[ImageMeasurements],
    *,
    workers: int = 1,
    on_progress: ProgressReport = silent,
) -> pl.DataFrame:
    """Find duplicate images within and across data sets.

    Returns:
        One row for each pair: `group` (images linked by pairs share a number), `kind` ("same file", "same pixels",
        "near" or "negative"), `correlation` of their details, `labels_differ` (findings positive in one and negative in
        the other image), then `data_set_a`, `image_id_a`, `patient_id_a`, `split_a`, `path_a`, and the same of b.
    """
    images = _all_images(data_sets, measured)
    readable_rows = [one.images["reason"].is_null().to_numpy() for one in measured]
    readable = np.flatnonzero(np.concatenate(readable_rows))
    thumbnails = np.concatenate([one.thumbnails[rows] for one, rows in zip(measured, readable_rows, strict=True)])
    found = near_duplicates(thumbnails, workers=workers, on_progress=on_progress)
    found = _of_enough_detail(found, pl.concat(one.images for one in measured), readable)
    rows = readable[found.pairs]
    first, second = images[rows[:, 0]], images[rows[:, 1]]
    kind = (
        pl.when(pl.col("file_sha256_a") == pl.col("file_sha256_b"))
        .then(pl.lit(SAME_FILE))
        .when(pl.col("pixel_sha256_a") == pl.col("pixel_sha256_b"))
        .then(pl.lit(SAME_PIXELS))
        .when(pl.col("correlation") < 0)
        .then(pl.lit(NEGATIVE))
        .otherwise(pl.lit(NEAR))
    )
    pairs = pl.concat([_of_side(first, "a"), _of_side(second, "b")], how="horizontal").with_columns(
        pl.Series("correlation", found.correlation, dtype=pl.Float64),
        pl.Series("group", groups(len(images), rows)[rows[:, 0]], dtype=pl.Int64),
        _differing(first, second).alias("labels_differ"),
    )
    return (
        pairs.with_columns(kind.alias("kind"))
        .select(
            "group", "kind", "correlation", "labels_differ", *(f"{name}_{side}" for side in _SIDES for name in _IMAGE)
        )
        .sort("group", "data_set_a", "image_id_a", "data_set_b", "image_id_b")
    )


def _of_enough_detail(found: NearDuplicates, images: pl.DataFrame, readable: NDArray[np.int64]) -> NearDuplicates:
    """Keep pairs of images that are large enough to compare, and pairs of equal pixels."""
    sides = images.select(pl.max_horizontal("height", "width")).to_series().to_numpy()[readable]
    pixels = images["pixel_sha256"].to_numpy()[readable]
    least = np.array([duplicate_threshold(int(side)) for side in sides[found.pairs].min(axis=1)])
    equal = pixels[found.pairs[:, 0]] == pixels[found.pairs[:, 1]]
    enough = (np.abs(found.correlation) >= least) | equal
    return replace(found, pairs=found.pairs[enough], correlation=found.correlation[enough])


def copy_issues(pairs: pl.DataFrame) -> Iterator[Issue]:
    """Report consequences of duplicates: leaks between parts, patients with two ids, conflicting labels."""
    within = pl.col("data_set_a") == pl.col("data_set_b")
    parts_differ = pl.col("split_a") != pl.col("split_b")
    patients_differ = pl.col("patient_id_a") != pl.col("patient_id_b")
    contradictory = pl.col("labels_differ").list.len() > 0
    checks: tuple[tuple[Severity, str, pl.Expr, str, str], ...] = (
        (
            "error",
            "duplicates across the split",
            within & parts_differ,
            "one image in different parts of the split",
            "Keep each image in one part only: test images must not be in training.",
        ),
        (
            "error",
            "duplicates of two patients",
            within & patients_differ & ~parts_differ.fill_null(False),
            "one image under two patients",
            "Find the correct patient and drop the other copy: a split by patients cannot separate them.",
        ),
        (
            "warning",
            "duplicates with conflicting labels",
            contradictory,
            "one image with conflicting labels",
            "Decide on one label, or drop both.",
        ),
        (
            "warning",
            "duplicates of one patient",
            within & ~patients_differ & ~parts_differ.fill_null(False),
            "one image of one patient, twice",
            "Keep one of each; duplicates count twice.",
        ),
        (
            "warning",
            "duplicates across data sets",
            ~within,
            "one image in both data sets",
            "Exclude them before training on one data set and testing on the other.",
        ),
    )
    for severity, check, condition, names, fix in checks:
        hit = pairs.filter(condition)
        between = ["data_set_a", "data_set_b"]
        for (one, other), part in sorted(hit.group_by(between), key=lambda item: tuple(map(str, item[0]))):
            ids = sorted({*part["image_id_a"], *part["image_id_b"]})
            example = part.row(0, named=True)
            yield Issue(
                severity,
                check,
                str(one) if one == other else f"{one} and {other}",
                f"{counted(len(part), 'pair')} of images: {names} ({', '.join(_kinds(part))}), "
                f"such as {example['image_id_a']} and {example['image_id_b']}.",
                fix,
                ids,
                (str(one), str(other)),
            )


def _of_side(images: pl.DataFrame, side: str) -> pl.DataFrame:
    return images.rename({name: f"{name}_{side}" for name in images.columns})


def _kinds(pairs: pl.DataFrame) -> list[str]:
    numbers = dict(pairs.group_by("kind").len().iter_rows())
    return [f"{numbers[kind]:,} {kind}" for kind in (SAME_FILE, SAME_PIXELS, NEAR, NEGATIVE) if kind in numbers]


def _all_images(data_sets: Sequence[CheckedDataset], measured: Sequence[ImageMeasurements]) -> pl.DataFrame:
    hashes = ("file_sha256", "pixel_sha256")
    parts = [
        pl.concat([data_set.manifest, one.images.select(hashes)], how="horizontal").select(
            pl.lit(data_set.name).alias("data_set"),
            *(name for name in _IMAGE if name != "data_set"),
            *hashes,
            *finding_columns(data_set.manifest),
        )
        for data_set, one in zip(data_sets, measured, strict=True)
    ]
    return pl.concat(parts, how="diagonal_relaxed")


def _differing(first: pl.DataFrame, second: pl.DataFrame) -> pl.Series:
    """Return findings that are positive in one and negative in the other image; blanks do not differ."""
    fixed = {*_IMAGE, "file_sha256", "pixel_sha256"}
    findings = [name for name in first.columns if name not in fixed]
    names: list[list[str]] = [[] for _ in range(len(first))]
    for name in findings:
        one, other = (table[name].fill_null(-1).to_numpy() for table in (first, second))
        for row in np.flatnonzero((one != other) & (one >= 0) & (other >= 0)):
            names[row].append(name)
    return pl.Series(names, dtype=pl.List(pl.String))
