"""Readers of the data sets, one module for each native layout."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path

from hilum.data.collections.dataset import Dataset, empty_rejected
from hilum.data.manifest import check_manifest, split_columns
from hilum.data.paths import is_utf8, printable
from hilum.data.patients import patients_of_many_images
from hilum.data.splits import check_patients_apart
from hilum.data.tables import some
from hilum.errors import HilumError
from hilum.findings import ADDED_COLLECTIONS, COLLECTIONS
from hilum.progress import ProgressReport, silent

__all__ = ["COLLECTIONS", "Dataset", "empty_rejected", "read_collection"]

_OPTIONS = {"chestxray14": "release", "mimic_cxr_jpg": "labeller", "folder": "labels"}
"""Option of a collection: release of the labels, labeller, or file with the labels."""


def read_collection(
    name: str,
    root: Path,
    *,
    allow_missing: bool = False,
    labels: Path | None = None,
    release: str | None = None,
    labeller: str | None = None,
    check_splits: bool = True,
    on_progress: ProgressReport = silent,
) -> Dataset:
    """Read the native files of a data set into a checked manifest.

    Args:
        name: One of `COLLECTIONS`.
        root: Folder of the unpacked data set.
        allow_missing: Keep images without a file (null path) instead of refusing them.
        labels: For `folder`: CSV or Parquet file of the labels; a relative path may also start at the root.
        release: For `chestxray14`: "2020" or "2017"; default: the newest available.
        labeller: For `mimic_cxr_jpg`: "chexpert", "negbio" or "radiologist"; default: the first available.
        check_splits: Refuse published splits with a patient in several parts; False for checks of the data set.
        on_progress: Called with (files read, files, note) by collections that open every file.

    Raises:
        HilumError: Unknown collection, an option that it does not have, missing or wrong files, a patient in several
            parts of a published split.
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
        if value is not None and option != _OPTIONS.get(name):
            fix = f"Remove --{option}."
            raise HilumError(f"--{option}", expected=f"nothing for {name}", found=str(value), fix=fix)
    wanted = {option: options[option] for option in [_OPTIONS.get(name)] if option}
    # Each layout has its own module; most runs import only one of them.
    added = ADDED_COLLECTIONS.get(name)
    read = added.read if added else import_module(f"hilum.data.collections.{name}").read
    dataset: Dataset = read(root, allow_missing=allow_missing, on_progress=on_progress, **wanted)
    check_manifest(dataset.manifest, root)
    if doubts := patients_of_many_images(dataset.manifest):
        dataset = replace(dataset, notes=[*dataset.notes, *doubts])
    if check_splits:
        _check_splits(dataset)
    return dataset


def _check_splits(dataset: Dataset) -> None:
    for column in split_columns(dataset.manifest):
        assignment = dataset.manifest.select("image_id", "patient_id", split=column)
        try:
            check_patients_apart(assignment, f"{dataset.root}, {column}")
        except HilumError as error:
            if not dataset.patient_spellings:
                raise
            ways = some([" = ".join(written) for written in dataset.patient_spellings.values()])
            found = f"{error.found} (one patient, written in several ways: {ways})"
            raise HilumError(error.where, expected=error.expected, found=found, fix=error.fix) from error
