"""Checks of patients: one part of a split, one sex, ages that increase."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import polars as pl

from hilum.data.doctor.checked_dataset import CheckedDataset
from hilum.data.doctor.issues import Issue, some
from hilum.data.manifest import split_columns
from hilum.data.patients import issuer_of, patient_names
from hilum.notes import MEANINGS
from hilum.wording import counted

_SPAN = 25.0  # years between a patient's first and last image; longer archives are rare
_IN_TIME = 0.75  # fraction of increasing ages along the ids from which ids count as chronological
_ENOUGH = 50  # number of such changes
_YOUNGER = 1.0  # years; ages are rounded
_MANY = 50  # images
_FEW = 30  # patients of a validation or test part


def patient_issues(data_set: CheckedDataset) -> Iterator[Issue]:
    """Report patients in several parts, of two sexes, with impossible ages; few patients; studies of two patients."""
    yield from _across_splits(data_set)
    yield from _two_sexes(data_set)
    yield from _ages(data_set)
    yield from _few_patients(data_set)
    for each in data_set.warnings:
        check = str(each.code).replace("_", " ")
        yield Issue("warning", check, data_set.name, f"{each}.", MEANINGS[each.code].advice)
    images = data_set.manifest
    shared = images.drop_nulls("study_id").group_by("study_id").agg(pl.col("patient_id").n_unique().alias("patients"))
    shared = shared.filter(pl.col("patients") > 1)
    if len(shared):
        torn = images.join(shared, on="study_id", how="semi", maintain_order="left")
        yield Issue(
            "error",
            "studies of several patients",
            data_set.name,
            f"{counted(len(shared), 'study', 'studies')} ({some(shared['study_id'].sort())}) "
            "with images of several patients.",
            "Correct the patients in the table: a split by patients would divide these studies.",
            torn["image_id"].to_list(),
        )
    if len(images) >= _MANY and images["patient_id"].n_unique() == len(images):
        yield Issue(
            "note",
            "one image per patient",
            data_set.name,
            f"Each of the {counted(len(images))} has its own patient.",
            "If patients are known, add them to the table (patient_id), or their images may be in training and test.",
        )


def _few_patients(data_set: CheckedDataset) -> Iterator[Issue]:
    for split in ("val", "test"):
        part = data_set.manifest.filter(pl.col("split") == split)
        patients = part["patient_id"].n_unique()
        if 0 < patients < _FEW:
            yield Issue(
                "note",
                "few patients",
                data_set.name,
                f"The {counted(len(part))} of {split} are of {counted(patients, 'patient')} only.",
                "Intervals resample patients, not images: expect wide ones.",
            )


def shared_patients(data_sets: Sequence[CheckedDataset]) -> Iterator[Issue]:
    """Report patients in two data sets: those of one issuer have the same numbers (`hilum.data.patients.names`)."""
    known = [
        data_set.manifest.select(
            "image_id",
            pl.Series(
                "patient",
                patient_names(
                    data_set.manifest["patient_id"], issuer_of(data_set.root, data_set.collection, data_set.name)
                ),
                dtype=pl.String,
            ),
        )
        for data_set in data_sets
    ]
    for (one, images), (other, others) in combinations(zip(data_sets, known, strict=True), 2):
        common = images.select("patient").unique().join(others, on="patient", how="semi").sort("patient")
        if len(common):
            concerned = pl.concat([images, others]).join(common, on="patient", how="semi", maintain_order="left")
            yield Issue(
                "warning",
                "patients in two data sets",
                f"{one.name} and {other.name}",
                f"{counted(len(common), 'patient')} with images in both data sets ({some(common['patient'])}).",
                "Do not train on one and test on the other with these patients.",
                concerned["image_id"].to_list(),
            )


def _across_splits(data_set: CheckedDataset) -> Iterator[Issue]:
    # The requested split is in `split`; the others are checked under their own names.
    for column in split_columns(data_set.manifest):
        listed = data_set.manifest.drop_nulls(column)
        parts = listed.group_by("patient_id").agg(pl.col(column).unique().sort().alias("parts"))
        torn = parts.filter(pl.col("parts").list.len() > 1).sort("patient_id")
        if len(torn):
            images = listed.join(torn, on="patient_id", how="semi", maintain_order="left")
            first, both = torn.row(0)
            lists = "the split" if column == "split" else f"the list {column.removeprefix('split_')!r}"
            yield Issue(
                "error",
                "patients in several parts",
                data_set.name,
                f"In {lists}, {len(torn):,} of {counted(len(parts), 'patient')} "
                f"{'has' if len(torn) == 1 else 'have'} images in several parts, "
                f"such as {first} in {' and '.join(both)}.",
                "Split by patients instead: split: {patients: [0.7, 0.1, 0.2], seed: 0}.",
                images["image_id"].to_list(),
            )


def _two_sexes(data_set: CheckedDataset) -> Iterator[Issue]:
    images = data_set.manifest.drop_nulls("sex")
    both = images.group_by("patient_id").agg(pl.col("sex").n_unique().alias("sexes")).filter(pl.col("sexes") > 1)
    if len(both):
        torn = images.join(both, on="patient_id", how="semi", maintain_order="left")
        yield Issue(
            "warning",
            "patients of two sexes",
            data_set.name,
            f"{counted(len(both), 'patient')} ({some(both['patient_id'].sort())}) are F on some images and M on "
            "others.",
            "Either the table is wrong or two people share a number; exclude them from subgroups by sex.",
            torn["image_id"].to_list(),
        )


def _ages(data_set: CheckedDataset) -> Iterator[Issue]:
    images = data_set.manifest.drop_nulls("age").select("image_id", "patient_id", "age")
    spans = images.group_by("patient_id").agg((pl.col("age").max() - pl.col("age").min()).alias("span"))
    wide = spans.filter(pl.col("span") > _SPAN)
    if len(wide):
        torn = images.join(wide, on="patient_id", how="semi", maintain_order="left")
        yield Issue(
            "warning",
            "patients of impossible ages",
            data_set.name,
            f"The ages of {counted(len(wide), 'patient')} ({some(wide['patient_id'].sort())}) differ by more than "
            f"{_SPAN:.0f} years.",
            "Either an age is wrong or two people share a number; exclude them from subgroups by age.",
            torn["image_id"].to_list(),
        )
    # If ages increase along the ids of most patients, ids are chronological.
    steps = images.sort("patient_id", "image_id").with_columns(pl.col("age").diff().over("patient_id").alias("step"))
    changes = steps.filter(pl.col("step").is_not_null() & (pl.col("step") != 0))
    if len(changes) >= _ENOUGH and int((changes["step"] > 0).sum()) >= _IN_TIME * len(changes):
        younger = changes.filter(pl.col("step") < -_YOUNGER)
        if len(younger):
            patients = younger["patient_id"].unique().sort()
            yield Issue(
                "note",
                "decreasing ages",
                data_set.name,
                f"Along the ids of their images, {counted(len(patients), 'patient')} ({some(patients)}) become "
                "younger by "
                f"more than {_YOUNGER:.0f} year, while most become older: the ids are not chronological, or ages are "
                "wrong.",
                "Do not use the ids as a chronological order.",
                younger["image_id"].to_list(),
            )
