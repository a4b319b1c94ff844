"""The data sets: one file each, and nothing else knows a native layout."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import polars as pl

from hilum.data.collections.dataset import Dataset, empty_rejected
from hilum.data.manifest import check_manifest, split_columns
from hilum.data.paths import is_utf8, printable
from hilum.data.patients import patients_of_many_images
from hilum.data.splits import check_patients_apart
from hilum.data.tables import some
from hilum.errors import HilumError
from hilum.findings import ADDED_COLLECTIONS, COLLECTIONS
from hilum.progress import ProgressReport, silent

__all__ = ["COLLECTIONS", "OPTIONS", "Dataset", "empty_rejected", "read_as_listed", "read_collection"]

OPTIONS: dict[str, tuple[str, ...]] = {
    "chestxray14": ("release",),
    "chexpert": (),
    "mimic_cxr_jpg": ("labeller",),
    "vindr_cxr": (),
    "vinbigdata": (),
    "padchest": (),
    "uka_cxr": (),
    "kermany": (),
    "tbx11k": (),
    "gb7_flg": (),
    "rsna_pneumonia": (),
    "folder": ("labels",),
}
"""What a collection of Hilum's own accepts beside its root: label release, who made the labels, or their file."""


def read_collection(
    name: str,
    root: Path,
    *,
    allow_missing: bool = False,
    labels: Path | None = None,
    release: str | None = None,
    labeller: str | None = None,
    on_progress: ProgressReport = silent,
) -> Dataset:
    """Read a data set's native files into a checked manifest.

    Args:
        name: one of `COLLECTIONS`.
        root: the folder that holds the data set, as it was unpacked.
        allow_missing: keep images whose file is not here (their path is null) instead of refusing.
        labels: of `folder`: the CSV with the labels; a relative path may also start from the root.
        release: of `chestxray14`: "2020" or "2017"; the newest that is here by default.
        labeller: of `mimic_cxr_jpg`: "chexpert" or "negbio"; the first that is here by default.
        on_progress: called with (files looked at, files, note) where files are looked at one by one.

    Raises:
        HilumError: unknown collection, an option it has no use for, files missing or wrong, a patient on both sides of
            a published list.
    """
    collected = read_as_listed(
        name,
        root,
        allow_missing=allow_missing,
        labels=labels,
        release=release,
        labeller=labeller,
        on_progress=on_progress,
    )
    for column in split_columns(collected.manifest):
        lists = collected.manifest.select("image_id", "patient_id", pl.col(column).alias("split"))
        try:
            check_patients_apart(lists, f"{root}, {column}")
        except HilumError as error:
            if not collected.patient_spellings:
                raise
            ways = some([" = ".join(written) for written in collected.patient_spellings.values()])
            found = f"{error.found} (one patient, written in several ways: {ways})"
            raise HilumError(error.where, expected=error.expected, found=found, fix=error.fix) from error
    return collected


def read_as_listed(
    name: str,
    root: Path,
    *,
    allow_missing: bool = False,
    labels: Path | None = None,
    release: str | None = None,
    labeller: str | None = None,
    on_progress: ProgressReport = silent,
) -> Dataset:
    """As `read_collection`, but a patient on both sides of a list is not refused: for those who look for such faults.

    Raises:
        HilumError: unknown collection, an option it has no use for, files missing or wrong.
    """
    if name not in COLLECTIONS:
        raise HilumError(
            "collection", expected=f"one of {', '.join(COLLECTIONS)}", found=repr(name), fix="Use one of these."
        )
    if not root.is_dir():
        raise HilumError(root, expected="the data set's folder", found="no such folder", fix="Check the path.")
    if not is_utf8(str(root.resolve())):
        found, fix = "a name that is not", "Rename the folder, or the one above it."
        raise HilumError(printable(str(root)), expected="a folder whose path is UTF-8", found=found, fix=fix)
    options = {"labels": labels, "release": release, "labeller": labeller}
    for option, value in options.items():
        if value is not None and option not in OPTIONS.get(name, ()):
            fix = f"Leave out --{option}."
            raise HilumError(f"--{option}", expected=f"nothing for {name}", found=str(value), fix=fix)
    wanted = {option: options[option] for option in OPTIONS.get(name, ())}
    # Each layout has its own module, and most runs need only one of them.
    read = import_module(f"hilum.data.collections.{name}").read if name in OPTIONS else ADDED_COLLECTIONS[name].read
    collected: Dataset = read(root, allow_missing=allow_missing, on_progress=on_progress, **wanted)
    check_manifest(collected.manifest, root)
    return _with_doubts(collected)


def _with_doubts(collected: Dataset) -> Dataset:
    """With what the manifest alone tells of patients who may be none."""
    found = patients_of_many_images(collected.manifest)
    if not found:
        return collected
    notes = [*collected.notes, *map(str, found)]
    return replace(collected, notes=notes, warnings=[*collected.warnings, *found])
