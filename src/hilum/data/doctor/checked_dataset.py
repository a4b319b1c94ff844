"""Data sets to check, with unique names."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from hilum.data.collections import Dataset, empty_rejected
from hilum.data.collections.dataset import DOUBTS, read_dataset_notes
from hilum.data.manifest import read_manifest, split_columns
from hilum.errors import HilumError
from hilum.notes import Note


@dataclass(frozen=True)
class CheckedDataset:
    """Data set to check.

    Attributes:
        name: Unique name for all tables.
        collection: Collection that read it.
        root: Folder of the manifest's paths.
        manifest: One row for each image.
        rejected: Files that were rejected when the tables were read: `image_id`, `path`, `reason`.
        notes: Notes on the tables.
    """

    name: str
    collection: str
    root: Path
    manifest: pl.DataFrame
    rejected: pl.DataFrame
    notes: Sequence[Note] = ()

    @property
    def warnings(self) -> list[Note]:
        """Notes on doubtful patient ids."""
        return [each for each in self.notes if each.code in DOUBTS]


def as_checked_dataset(dataset: Dataset) -> CheckedDataset:
    """Name a data set after its folder."""
    root = dataset.root
    name = root.resolve().name or dataset.name
    return CheckedDataset(name, dataset.name, root, dataset.manifest, dataset.rejected, tuple(dataset.notes))


def read_ingested(folder: Path) -> CheckedDataset:
    """Read the output folder of `hilum ingest`.

    Raises:
        HilumError: The folder has no output, or the images are missing.
    """
    manifest = read_manifest(folder / "manifest.parquet")
    try:
        content = json.loads((folder / "ingest.json").read_text(encoding="utf-8"))
        root, collection, notes = Path(content["root"]), str(content["collection"]), read_dataset_notes(content)
    except (OSError, ValueError, KeyError, TypeError) as error:
        where = folder / "ingest.json"
        raise HilumError(
            where, expected="what `hilum ingest` wrote", found=str(error), fix="Run `hilum ingest` again."
        ) from error
    if not root.is_dir():
        raise HilumError(root, expected="the images of this manifest", found="no such folder", fix="Ingest them again.")
    aside = folder / "rejected.parquet"
    rejected = pl.read_parquet(aside) if aside.is_file() else empty_rejected()
    return CheckedDataset(root.resolve().name, collection, root, manifest, rejected, tuple(notes))


def with_unique_names(data_sets: Sequence[CheckedDataset]) -> list[CheckedDataset]:
    """Number data sets of equal names: cxr, cxr-2."""
    seen: dict[str, int] = {}
    apart = []
    for data_set in data_sets:
        count = seen[data_set.name] = seen.get(data_set.name, 0) + 1
        apart.append(data_set if count == 1 else replace(data_set, name=f"{data_set.name}-{count}"))
    return apart


def with_split(data_sets: Sequence[CheckedDataset], split: str) -> list[CheckedDataset]:
    """Copy a published split into the column `split`; data sets without it get a blank column.

    Args:
        data_sets: Data sets to check.
        split: "official" for the column `split` itself, otherwise the name of a column `split_<name>`.

    Raises:
        HilumError: None of the data sets has this split.
    """
    if split == "official":
        return list(data_sets)
    column = f"split_{split}"
    if not any(column in data_set.manifest.columns for data_set in data_sets):
        names = {name.removeprefix("split_") for one in data_sets for name in split_columns(one.manifest)} - {"split"}
        known = ", ".join(["official", *sorted(names)])
        raise HilumError("--split", expected=f"one of {known}", found=repr(split), fix="Use one of these.")
    nothing = pl.lit(None, dtype=pl.String).alias("split")
    return [
        replace(
            data_set,
            manifest=data_set.manifest.with_columns(
                pl.col(column).alias("split") if column in data_set.manifest.columns else nothing
            ),
        )
        for data_set in data_sets
    ]
