"""Quality control of data sets: `hilum.doctor` and `hilum doctor`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import polars as pl

from hilum.data.collections import read_collection
from hilum.data.doctor import (
    CheckedDataset,
    Diagnosis,
    Issue,
    as_checked_dataset,
    diagnose,
    measure_all,
    read_ingested,
    with_split,
    with_unique_names,
    write_tables,
)
from hilum.data.doctor.issues import as_table
from hilum.data.replaceable import check_replaceable
from hilum.declared import Bounds
from hilum.errors import HilumError
from hilum.notes import Note
from hilum.progress import ShowProgress, quiet
from hilum.renamed import checked_arguments
from hilum.report.pages import PageImages, write_doctor_page
from hilum.report.pages.doctor import PAGE
from hilum.runs.results import Result
from hilum.wording import counted, images_of_patients

INGESTED = "ingested"
"""Collection of an output directory of `hilum ingest`."""
_OUTPUTS = (PAGE, "doctor.parquet", "counts.parquet", "missing.parquet", "duplicates.parquet", "measured")


@dataclass(frozen=True, repr=False)
class DoctorResult(Result):
    """Issues of data sets.

    Attributes:
        directory: Directory with doctor.html and its tables.
        about: Data sets, issues and numbers as plain data; see `describe_diagnosis`.
        diagnosis: Issues and measurements.
        page: Path of doctor.html.
    """

    directory: Path
    diagnosis: Diagnosis
    page: Path

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`issues`, `counts` (of findings by split), `missing` (values), `duplicates` and `images` (measurements)."""
        found = self.diagnosis
        return {
            "issues": as_table(found.issues),
            "counts": found.counts,
            "missing": found.missing,
            "duplicates": found.copies,
            "images": found.images,
        }

    @property
    def issues(self) -> Sequence[Issue]:
        """Issues, the most severe first."""
        return self.diagnosis.issues

    @property
    def has_errors(self) -> bool:
        """Whether there are issues of severity "error"."""
        return any(issue.severity == "error" for issue in self.issues)

    @property
    def summary(self) -> list[str]:
        """Data sets, and numbers of errors, warnings and notes."""
        data_sets = [
            f"{one['name']} ({one['collection']})  {images_of_patients(one['images'], one['patients'])}"
            for one in self.about["data_sets"]
        ]
        counts = (counted(self.about[name], name.removesuffix("s")) for name in ("errors", "warnings", "notes"))
        return [*data_sets, ", ".join(counts)]

    @property
    def notes(self) -> Sequence[Note]:
        """None: a doctor reports issues (`issues`); `about["notes"]` is the number of those of severity "note"."""
        return []

    @property
    def row_notes(self) -> list[str]:
        """Issues, one line each."""
        return [f"{issue.severity} · {issue.check} ({issue.data_set}): {issue.message}" for issue in self.issues]

    def _shown(self) -> dict[str, pl.DataFrame]:
        return {}


@checked_arguments
def doctor(
    collection: str,
    root: str | Path,
    out: str | Path,
    *,
    also: Mapping[str, str | Path] | Sequence[tuple[str, str | Path]] = (),
    split: str = "official",
    labels: str | Path | None = None,
    release: str | int | None = None,
    labeller: str | None = None,
    allow_missing: bool = False,
    workers: Annotated[int | None, Bounds(ge=1)] = None,
    progress: ShowProgress = quiet,
) -> DoctorResult:
    """Check data sets for patient leakage, near-duplicates, conflicting labels, and unreadable or atypical images.

    Each image is decoded once; measurements are stored in `out`, so that an interrupted run resumes and a second run is
    fast.

    Args:
        collection: Native layout, as in `hilum.ingest`; or "ingested", for an output directory of it.
        root: Folder of the data set.
        out: Directory to write doctor.html and its tables to.
        also: Further data sets to check, as collection and folder; duplicates are searched for across all.
        split: Published split to check for patient leakage: "official", "chexnet", …
        labels, release, labeller: As in `hilum.ingest`, for the first data set.
        allow_missing: Continue if the tables name images whose files are missing.
        workers: Threads that decode images; None: all cores.
        progress: Shows the progress of each stage.

    Raises:
        HilumError: No such collection, folder or split, wrong content, or a directory with other files.

    Example:
        >>> import hilum, tempfile
        >>> from hilum.phantom import write_layout
        >>> folder = tempfile.mkdtemp()
        >>> _ = write_layout("chestxray14", f"{folder}/CXR8", images=6, size=32, seed=0)
        >>> result = hilum.doctor("chestxray14", f"{folder}/CXR8", f"{folder}/checked", workers=1)
        >>> result.tables["issues"].columns[:3]
        ['severity', 'check', 'data_set']
    """
    out = Path(out)
    check_replaceable(out, _OUTPUTS)
    others = list(also.items()) if isinstance(also, Mapping) else list(also)
    given = {
        "labels": None if labels is None else Path(labels),
        "release": None if release is None else str(release),
        "labeller": labeller,
    }
    read = [
        _read(collection, Path(root), given, allow_missing=allow_missing, progress=progress),
        *(_read(name, Path(folder), {}, allow_missing=allow_missing, progress=progress) for name, folder in others),
    ]
    data_sets = with_split(with_unique_names(read), split)
    with progress("Measuring images") as on_progress:
        measured = measure_all(data_sets, out, workers=workers, on_progress=on_progress)
    with progress("Searching for duplicates") as on_progress:
        diagnosis = diagnose(data_sets, measured, split=split, workers=workers, on_progress=on_progress)
    write_tables(diagnosis, out)
    images = {one.name: PageImages(one.manifest, one.root) for one in data_sets}
    write_doctor_page(diagnosis, lambda data_set, image_id: images[data_set](image_id), out / PAGE)
    return DoctorResult(out, describe_diagnosis(diagnosis), diagnosis, out / PAGE)


def describe_diagnosis(diagnosis: Diagnosis) -> dict[str, Any]:
    """Convert a diagnosis to plain data.

    Returns:
        `split`, `data_sets` (`name`, `collection`, `images`, `patients`, `unreadable`), numbers of `errors`, `warnings`
        and `notes`, `issues` (`severity`, `check`, `data_set`, `message`, `fix`, `images`) and `copies` (number of
        pairs by kind).
    """
    unread = diagnosis.images.filter(diagnosis.images["reason"].is_not_null())["data_set"].to_list()
    severities = [issue.severity for issue in diagnosis.issues]
    return {
        "split": diagnosis.split,
        "data_sets": [
            {
                "name": one.name,
                "collection": one.collection,
                "images": len(one.manifest),
                "patients": one.manifest["patient_id"].n_unique(),
                "unreadable": unread.count(one.name) + len(one.rejected),
            }
            for one in diagnosis.data_sets
        ],
        **{f"{severity}s": severities.count(severity) for severity in ("error", "warning", "note")},
        "issues": [
            {
                "severity": issue.severity,
                "check": issue.check,
                "data_set": issue.data_set,
                "message": issue.message,
                "fix": issue.fix,
                "images": len(issue.image_ids),
            }
            for issue in diagnosis.issues
        ],
        "copies": dict(sorted(diagnosis.copies.group_by("kind").len().iter_rows())),
    }


def _read(
    collection: str, root: Path, given: Mapping[str, Any], *, allow_missing: bool, progress: ShowProgress
) -> CheckedDataset:
    if collection == INGESTED:
        for option, value in given.items():
            if value is not None:
                fix = f"Omit --{option}: it was set when the images were ingested."
                raise HilumError(f"--{option}", expected=f"nothing for {INGESTED}", found=str(value), fix=fix)
        return read_ingested(root)
    with progress(f"Reading {root}") as on_progress:
        return as_checked_dataset(
            read_collection(
                collection, root, allow_missing=allow_missing, check_splits=False, on_progress=on_progress, **given
            )
        )
