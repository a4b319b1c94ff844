"""What is examined: data sets, each under a name of its own."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from hilum.data.collections import Dataset, empty_rejected
from hilum.data.manifest import read_manifest, split_columns
from hilum.errors import HilumError
from hilum.notes import Note, read_notes

_INGESTED = ("manifest.parquet", "ingest.json")


@dataclass(frozen=True)
class CheckedDataset:
    """A data set to examine.

    Attributes:
        name: in every table; no two are called alike.
        collection: how it was read.
        root: the folder that the manifest's paths start from.
        manifest: one row an image.
        rejected: files that were set aside when the tables were read: `image_id`, `path`, `reason`.
        notes: notes on the tables.
        warnings: what makes it doubtful whose images these are.
    """

    name: str
    collection: str
    root: Path
    manifest: pl.DataFrame
    rejected: pl.DataFrame
    notes: Sequence[str] = ()
    warnings: Sequence[Note] = ()


def as_checked_dataset(collected: Dataset) -> CheckedDataset:
    """A data set as its reader gives it, under the name of its folder."""
    root = collected.root
    name = root.resolve().name or collected.name
    notes, warnings = tuple(collected.notes), tuple(collected.warnings)
    return CheckedDataset(name, collected.name, root, collected.manifest, collected.rejected, notes, warnings)


def is_ingested(folder: Path) -> bool:
    """Whether `hilum ingest` left this folder."""
    return all((folder / name).is_file() for name in _INGESTED)


def read_ingested(folder: Path) -> CheckedDataset:
    """What `hilum ingest` left in a folder.

    Raises:
        HilumError: it left nothing there, or the images have gone from where they were.
    """
    manifest = read_manifest(folder / "manifest.parquet")
    try:
        content = json.loads((folder / "ingest.json").read_text(encoding="utf-8"))
        root, collection, notes = Path(content["root"]), str(content["collection"]), tuple(map(str, content["notes"]))
        warnings = read_notes(content.get("warnings", []))
    except (OSError, ValueError, KeyError, TypeError) as error:
        where = folder / "ingest.json"
        raise HilumError(
            where, expected="what `hilum ingest` wrote", found=str(error), fix="Run `hilum ingest` again."
        ) from error
    if not root.is_dir():
        raise HilumError(root, expected="the images of this manifest", found="no such folder", fix="Ingest them again.")
    aside = folder / "rejected.parquet"
    rejected = pl.read_parquet(aside) if aside.is_file() else empty_rejected()
    return CheckedDataset(root.resolve().name, collection, root, manifest, rejected, notes, warnings)


def with_unique_names(data_sets: Sequence[CheckedDataset]) -> list[CheckedDataset]:
    """The same data sets; those that would be called alike get a number: cxr, cxr-2."""
    seen: dict[str, int] = {}
    apart = []
    for data_set in data_sets:
        count = seen[data_set.name] = seen.get(data_set.name, 0) + 1
        apart.append(data_set if count == 1 else replace(data_set, name=f"{data_set.name}-{count}"))
    return apart


def with_split(data_sets: Sequence[CheckedDataset], split: str) -> list[CheckedDataset]:
    """The data sets with a published list in the column `split`; without it where they have no list of this name.

    Args:
        data_sets: to look for the list in.
        split: "official" for the column `split` itself, otherwise the name of a column `split_<name>`.

    Raises:
        HilumError: none of them has such a list.
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
