"""Pools: several data sets combined into one for a task.

A finding that a data set does not label is masked in its images, independently of the label policy. Equal full names
are the same patient (`hilum.data.patients`); images of two data sets with equal files are split as one patient's, to
prevent data leakage.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.collections import Dataset
from hilum.data.label_policy import LabelPolicy
from hilum.data.labels import targets, task_images
from hilum.data.labels.stacking import stack_manifests
from hilum.data.manifest import finding_columns
from hilum.data.patients.same_files import same_files
from hilum.data.splits import Split
from hilum.encoders.statements import SAME_IMAGES
from hilum.errors import HilumError
from hilum.findings import labelled_by
from hilum.runs.pools.copies import FOLDER
from hilum.study.data import PreparedData, pooled_id, split_pooled_id
from hilum.study.file import Study

POOL = "pool"
"""Collection of a pool."""


def pooled_data(name: str, parts: Mapping[str, PreparedData]) -> PreparedData:
    """Combine data sets into one; its images are named PART:ID.

    Args:
        name: Name of the pool.
        parts: Data sets by name, at least two.

    Raises:
        HilumError: Two of them contain the same images under other names.
    """
    for one in parts.values():
        for other in parts.values():
            if other.dataset.name in SAME_IMAGES.get(one.dataset.name, ()):
                raise HilumError(
                    f"data.{name}.pool",
                    expected="data sets of different images",
                    found=f"{one.name} and {other.name}, which hold the same images under other names",
                    fix="Pool one of them.",
                )
    manifest = _stacked(parts, {each: data.manifest for each, data in parts.items()})
    manifest = manifest.with_columns(_one_person_each(manifest))
    boxes = [
        data.dataset.boxes.with_columns(pl.format("{}:{}", pl.lit(each), "image_id").alias("image_id"))
        for each, data in parts.items()
        if data.dataset.boxes is not None
    ]
    dataset = Dataset(
        manifest=manifest,
        boxes=pl.concat(boxes, how="diagonal_relaxed") if boxes else None,
        root=Path("/"),
        name=POOL,
        notes=[],  # notes are those of the parts
        sources={},
    )
    known = all(data.issuer_known for data in parts.values())
    return PreparedData(name, dataset, manifest, POOL, known, parts=parts)


def _stacked(parts: Mapping[str, PreparedData], manifests: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Stack the rows of all parts, with absolute paths; null for paths outside of a part's folder."""
    stacked = stack_manifests(manifests, {name: parts[name].issuer for name in manifests})
    roots = {name: data.dataset.root.resolve() for name, data in parts.items()}
    paths = [
        _path(roots, part, path)
        for name, manifest in manifests.items()
        for part, path in ((name, path) for path in manifest["path"])
    ]
    people = [
        person
        for name, manifest in manifests.items()
        for person in parts[name].patients(manifest["image_id"].to_list())
    ]
    return stacked.with_columns(pl.Series("path", paths, dtype=pl.String), pl.Series("patient_id", people))


def _path(roots: Mapping[str, Path], part: str, path: str | None) -> str | None:
    if path is None or ".." in PurePosixPath(path).parts or Path(path).is_absolute():
        return None
    return str(roots[part] / path)


def _one_person_each(manifest: pl.DataFrame) -> pl.Series:
    """Return the patient of each image for splits: one for all images with equal files in several parts."""
    part_of = [split_pooled_id(image_id)[0] for image_id in manifest["image_id"]]
    files = [None if path is None else Path(path) for path in manifest["path"]]

    def several_parts(rows: Sequence[int]) -> bool:
        return len({part_of[row] for row in rows}) > 1

    patients, person = manifest["patient_id"].to_list(), dict[str, str]()

    def first(name: str) -> str:
        while name in person:
            name = person[name]
        return name

    for rows in same_files(files, worth_reading=several_parts):
        names = sorted({first(patients[row]) for row in rows})
        person |= dict.fromkeys(names[1:], names[0])
    return pl.Series("patient_id", [first(name) for name in patients], dtype=pl.String)


def findings_of(study: Study, data: PreparedData) -> list[str]:
    """Return the findings of a task that a data set, or any part of a pool, labels, in the task's order."""
    if data.parts:
        known = {finding for part in data.parts.values() for finding in findings_of(study, part)}
    elif data.dataset.name == FOLDER:
        known = set(finding_columns(data.manifest))
    else:
        known = set(labelled_by(data.dataset.name))
    return [finding for finding in study.task.findings if finding in known]


def images_of_task(study: Study, data: PreparedData, findings: list[str], where: str = "task.findings") -> pl.DataFrame:
    """Select a task's images, as `hilum.data.labels.task_images`; in pools, each part with the findings it labels.

    Args:
        study: Study of the task.
        data: A data set.
        findings: Findings of the task.
        where: Key of the findings in the study file.

    Raises:
        HilumError: As `task_images`; or a finding that no part labels, or a part that labels none.
    """
    label_policy, cohort = study.task.label_policy(), study.task.images.cohort()
    if not data.parts:
        dataset = replace(data.dataset, manifest=data.manifest)
        return task_images(dataset, findings, label_policy, cohort, where=where, of=data.name)
    rows = {}
    for name, part in data.parts.items():
        own = findings_of(study, part)
        if not own:
            raise HilumError(
                f"data.{data.name}.pool", expected=f"labels of {', '.join(findings)}", found=f"none in {name}",
                fix="Remove it from the pool.",
            )  # fmt: skip
        rows[name] = task_images(replace(part.dataset, manifest=part.manifest), own, label_policy, cohort)
    stacked = _stacked(data.parts, rows)
    nowhere = [finding for finding in findings if finding not in stacked.columns]
    if nowhere:
        raise HilumError(
            f"data.{data.name}.pool", expected="findings that one of its data sets labels", found=", ".join(nowhere),
            fix="Remove them from task.findings.",
        )  # fmt: skip
    person = data.manifest.select("image_id", pl.col("patient_id").alias("person"))
    joined = stacked.join(person, on="image_id", how="left", maintain_order="left")
    return joined.with_columns(pl.col("person").alias("patient_id")).drop("person")


def targets_of(
    study: Study, data: PreparedData, rows: pl.DataFrame, findings: list[str], label_policy: LabelPolicy
) -> tuple[list[str], NDArray[np.float32]]:
    """Return image ids and targets, as `hilum.data.labels.targets`; NaN where a part of a pool has no labels.

    Args:
        study: Study of the task.
        data: A data set.
        rows: Rows of `images_of_task`.
        findings: The F findings of the task.
        label_policy: Label policy.
    """
    ids, values = targets(rows, findings, label_policy)
    if not data.parts:
        return ids, values
    values = np.array(values)
    part_of = np.array([split_pooled_id(image_id)[0] for image_id in ids])
    for name, part in data.parts.items():
        own = findings_of(study, part)
        for column, finding in enumerate(findings):
            if finding not in own:
                values[part_of == name, column] = np.nan
    return ids, values


def splits_of_parts(data: PreparedData, split: Split) -> list[tuple[str, Split]]:
    """Return the split of a data set with its name, or of each part of a pool with the part's own image ids."""
    if not data.parts:
        return [(data.name, split)]
    found = []
    for name, part in data.parts.items():
        rows = split.assignment.filter(pl.col("image_id").str.starts_with(pooled_id(name, "")))
        rows = rows.with_columns(pl.col("image_id").str.slice(len(name) + 1)).drop("patient_id")
        own = part.manifest.select("image_id", "patient_id")
        found.append((name, replace(split, assignment=rows.join(own, on="image_id", maintain_order="left"))))
    return found


def by_part(data: Mapping[str, PreparedData], images: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Regroup images by data set: those of a pool by its parts, with the parts' own image ids."""
    found: dict[str, list[str]] = {}
    for name, image_ids in images.items():
        for image_id in image_ids:
            part, own = split_pooled_id(image_id) if data[name].parts else (name, image_id)
            found.setdefault(part, []).append(own)
    return found


def part_counts(study: Study, data: PreparedData, split: Split, manifest: pl.DataFrame) -> list[dict[str, object]]:
    """Count images and positives of each part of a pool in each part of the split; None without labels."""
    joined = manifest.join(split.assignment.select("image_id", pl.col("split").alias("side")), on="image_id")
    rows: list[dict[str, object]] = []
    for name, part in data.parts.items():
        own = findings_of(study, part)
        of_part = joined.filter(pl.col("image_id").str.starts_with(pooled_id(name, "")))
        for side in ("train", "val", "test"):
            here = of_part.filter(side=side)
            positives = {
                finding: int((here[finding] == 1).sum()) if finding in own else None for finding in study.task.findings
            }
            rows.append({"data": name, "split": side, "images": len(here), "positives": positives})
    return rows
