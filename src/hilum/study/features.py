"""Features from elsewhere in a study: their files, the images that they lack, and the arms that are fitted to them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hilum.artifacts import file_sha256
from hilum.data.splits import Split
from hilum.errors import HilumError, HilumErrors
from hilum.finetuning.off_the_shelf import FeatureTable, read_features
from hilum.study.data import PreparedData
from hilum.study.file import Study
from hilum.study.file.finetuning import Features

_NAMED = 3


def features_file(features: Features, data: PreparedData) -> Path:
    """The table of a data set's images.

    Raises:
        HilumError: the study file names none.
    """
    path = features.file_of(data.name)
    if path is None:
        fix = f"Add {data.name}: FILE."
        raise HilumError("features.table", expected=f"a table of {data.name}", found="none", fix=fix)
    return path if path.is_absolute() else data.collected.root / path


def feature_hashes(features: Features, data: PreparedData) -> list[str]:
    """SHA-256 of the tables of a data set, or of those of a pool's parts."""
    return [file_sha256(features_file(features, part)) for part in (data.parts or {data.name: data}).values()]


def features_of(features: Features, data: PreparedData) -> FeatureTable:
    """The table of a data set's images, read and checked; of a pool those of its parts together.

    Raises:
        HilumError: as `hilum.finetuning.off_the_shelf.read_features`, or parts of several dimensions.
    """
    if not data.parts:
        return read_features(features_file(features, data))
    tables = {name: features_of(features, part) for name, part in data.parts.items()}
    widths = {name: table.values.shape[1] for name, table in tables.items()}
    first = next(iter(tables.values()))
    if len(set(widths.values())) > 1:
        found = ", ".join(f"{width} of {name}" for name, width in widths.items())
        raise HilumError(
            first.path, expected="features of one dimension", found=found, fix="Compute all with one model."
        )
    ids = [f"{name}:{image_id}" for name, table in tables.items() for image_id in table.image_ids]
    return FeatureTable(ids, np.concatenate([table.values for table in tables.values()]), first.path)


def images_without_features(study: Study, data: PreparedData, split: Split) -> set[str]:
    """Images of a task that an arm has no features of, and that all arms of the task go without.

    Args:
        study: of the task.
        data: that carries its labels.
        split: of its images.

    Raises:
        HilumErrors: tables that cannot be read, and images that are missing without `missing: leave_out`; of all arms.
    """
    return without_features(study, data, dict(split.assignment.select("image_id", "split").iter_rows()))


def without_features(study: Study, data: PreparedData, part_of: Mapping[str, str]) -> set[str]:
    """As `images_without_features`, of images with the part that each has: of the split, or "test" of other data."""
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
            message = f"no features of {len(lacking):,} of {len(part_of):,} images ({describe_missing(counts)})"
            examples = ", ".join(lacking[:_NAMED])
            fix = "Compute them, name images as the data set does, or set missing: leave_out"
            problems.append(f"arms.{name}.features: {message}, such as {examples}. {fix}")
    if problems:
        raise HilumErrors("features from elsewhere", problems, fix="nothing was run")
    return missing


def describe_missing(counts: Mapping[str, int]) -> str:
    """As in "train 8, val 2"."""
    return ", ".join(f"{part} {counts[part]:,}" for part in ("train", "val", "test") if counts.get(part))
