"""Precomputed features of a study: their files, and images without features."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hilum.artifacts import file_sha256
from hilum.data.splits import Split
from hilum.errors import HilumError, HilumErrors
from hilum.finetuning.off_the_shelf import FeatureTable, read_features
from hilum.study.data import PreparedData, pooled_id
from hilum.study.file import Study
from hilum.study.file.finetuning import Features
from hilum.wording import counted

_NAMED = 3


def features_file(features: Features, data: PreparedData) -> Path:
    """Return the path of the feature table of a data set.

    Raises:
        HilumError: The study file has none.
    """
    path = features.file_of(data.name)
    if path is None:
        fix = f"Add {data.name}: FILE."
        raise HilumError("features.table", expected=f"a table of {data.name}", found="none", fix=fix)
    return path if path.is_absolute() else data.dataset.root / path


def feature_hashes(features: Features, data: PreparedData) -> list[str]:
    """Compute the SHA-256 of the feature table of a data set, or of each part of a pool."""
    return [file_sha256(features_file(features, part)) for part in (data.parts or {data.name: data}).values()]


def features_of(features: Features, data: PreparedData) -> FeatureTable:
    """Read the feature table of a data set; for a pool, the concatenated tables of its parts.

    Raises:
        HilumError: As `hilum.finetuning.off_the_shelf.read_features`, or the dimensions of parts differ.
    """
    if not data.parts:
        return read_features(features_file(features, data))
    tables = {name: features_of(features, part) for name, part in data.parts.items()}
    widths = {name: table.values.shape[1] for name, table in tables.items()}
    first = next(iter(tables.values()))
    if len(set(widths.values())) > 1:
        found = ", ".join(f"{width} of {name}" for name, width in widths.items())
        raise HilumError(
            first.path, expected="features of one dimension", found=found, fix="Compute all with the same model."
        )
    ids = [pooled_id(name, image_id) for name, table in tables.items() for image_id in table.image_ids]
    return FeatureTable(ids, np.concatenate([table.values for table in tables.values()]), first.path)


def images_without_features(study: Study, data: PreparedData, split: Split) -> set[str]:
    """Return the images of a task without features in some arm, which are excluded for all arms.

    Args:
        study: Study of the task.
        data: Labelled data set.
        split: Split of its images.

    Raises:
        HilumErrors: Tables that cannot be read, or missing features without `missing: leave_out`, of all arms.
    """
    return without_features(study, data, dict(split.assignment.select("image_id", "split").iter_rows()))


def without_features(study: Study, data: PreparedData, part_of: Mapping[str, str]) -> set[str]:
    """Return images without features, given the part of each image; see `images_without_features`."""
    missing: set[str] = set()
    problems = []
    for name, arm in study.arms.items():
        if arm.features is None:
            continue
        try:
            known = set(features_of(arm.features, data).image_ids)
        except HilumError as error:
            problems.append(f"arms.{name}.features: {' '.join(str(error).split())}")
            continue
        lacking = [image_id for image_id in part_of if image_id not in known]
        missing |= set(lacking)
        if lacking and arm.features.missing == "refuse":
            counts: dict[str, int] = {}
            for image_id in lacking:
                counts[part_of[image_id]] = counts.get(part_of[image_id], 0) + 1
            message = f"no features of {len(lacking):,} of {counted(len(part_of))} ({describe_missing(counts)})"
            examples = ", ".join(lacking[:_NAMED])
            fix = "Compute them, name images as the data set does, or set missing: leave_out"
            problems.append(f"arms.{name}.features: {message}, such as {examples}. {fix}")
    if problems:
        raise HilumErrors("precomputed features", problems, fix="nothing was run")
    return missing


def describe_missing(counts: Mapping[str, int]) -> str:
    """Return "train 8, val 2"."""
    return ", ".join(f"{part} {counts[part]:,}" for part in ("train", "val", "test") if counts.get(part))
