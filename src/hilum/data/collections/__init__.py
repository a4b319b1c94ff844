"""The data sets: one file each, and nothing else knows a native layout."""

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from hilum.data.manifest import check_manifest, split_columns
from hilum.data.splits import check_patients_apart
from hilum.errors import HilumError
from hilum.progress import ProgressReport, silent

COLLECTIONS: tuple[str, ...] = ("chestxray14", "folder")


def nothing_rejected() -> pl.DataFrame:
    """An empty table of rejects: `image_id`, `path`, `reason`."""
    return pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})


@dataclass(frozen=True)
class Collected:
    """What a data set's native files say.

    Attributes:
        manifest: one row a film.
        boxes: `image_id`, `finding` (canonical), `x`, `y`, `width`, `height` in pixels of a square `frame` px wide;
            None where the data set has none.
        root: the folder that the manifest's paths start from.
        name: of the collection.
        notes: what a user should know: oddities met and how they were read.
        sources: table file (relative to the root) to its SHA-256.
        rejected: files set aside: `image_id`, `path`, `reason`.
    """

    manifest: pl.DataFrame
    boxes: pl.DataFrame | None
    root: Path
    name: str
    notes: list[str]
    sources: dict[str, str]
    rejected: pl.DataFrame = field(default_factory=nothing_rejected)


def read_collection(
    name: str,
    root: Path,
    *,
    allow_missing: bool = False,
    labels: Path | None = None,
    release: str | None = None,
    on_progress: ProgressReport = silent,
) -> Collected:
    """Read a data set's native files into a checked manifest.

    Args:
        name: one of `COLLECTIONS`.
        root: the folder that holds the data set, as it was unpacked.
        allow_missing: keep films whose file is not here (their path is null) instead of refusing.
        labels: of `folder`: the CSV with the labels; a relative path may also start from the root.
        release: of `chestxray14`: "2020" or "2017"; the newest that is here unless told.
        on_progress: called with (files looked at, files, note) where files are looked at one by one.

    Raises:
        HilumError: unknown collection, an option it has no use for, files missing or wrong, a patient on both sides of
            a published list.
    """
    if name not in COLLECTIONS:
        raise HilumError(
            "collection", expected=f"one of {', '.join(COLLECTIONS)}", found=repr(name), fix="Use one of these."
        )
    if not root.is_dir():
        raise HilumError(root, expected="the data set's folder", found="no such folder", fix="Check the path.")
    use = {"chestxray14": "release", "folder": "labels"}[name]
    for option, value in {"labels": labels, "release": release}.items():
        if value is not None and option != use:
            fix = f"Leave out --{option}."
            raise HilumError(f"--{option}", expected=f"nothing for {name}", found=str(value), fix=fix)
    if name == "chestxray14":
        from hilum.data.collections import chestxray14

        collected = chestxray14.read(root, allow_missing=allow_missing, release=release)
    else:
        from hilum.data.collections import folder

        collected = folder.read(root, allow_missing=allow_missing, labels=labels, on_progress=on_progress)
    check_manifest(collected.manifest, root)
    for column in split_columns(collected.manifest):
        lists = collected.manifest.select("image_id", "patient_id", pl.col(column).alias("split"))
        check_patients_apart(lists, f"{root}, {column}")
    return collected
