"""Anybody's own films: a folder of PNG, JPEG or DICOM files, labelled by a CSV or unlabelled.

Files are searched below the root, folders within folders too; hidden ones and files that are no pictures are skipped.
Empty files, files that are not what their name says, and links that lead out of the root are set aside.

The CSV, one row a film; capitals, blanks, `_` and `-` in column names do not matter:

    image, image_id, path, file, file name or filename   required; the path below the root, the file's name, or its name
                                            without ending; what is written here becomes `image_id`
    patient_id (or patient)                 `hilum.data.collections.folder_patients` finds those that are left out; an
                                            image whose patient is not found counts as a patient of its own
    study_id, view, age, sex                optional; years; F or M
    split                                   optional; train, val, test or train_val
    any finding that Hilum knows            1 positive, 0 negative, -1 uncertain, blank not mentioned

Images without a row, and rows that say nothing of any finding, are kept as unlabelled ones (`hilum.data.manifest`):
they can pretrain, and they are neither negatives nor anything to test on.

What the CSV leaves out, or all of it without a CSV, comes from the DICOM headers: PatientID, StudyInstanceUID,
ViewPosition, age and sex, and nothing else (`hilum.data.dicom_tags`). The terms are those of whoever owns the films.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import polars as pl

from hilum.artifacts import file_sha256
from hilum.data.collections.collected import Collected, nothing_rejected
from hilum.data.collections.folder_patients import find_patients
from hilum.data.dicom import DicomHeader, read_header
from hilum.data.label_table import read_label_table
from hilum.data.manifest import FIXED_COLUMNS, OPTIONAL_COLUMNS, finding_columns
from hilum.data.pixels import UnreadableImage, kind_of
from hilum.errors import HilumError
from hilum.progress import ProgressReport, silent

_ENDINGS = {".png", ".jpg", ".jpeg", ".dcm", ".dicom", ".dic"}
_HEADER_COLUMNS = {
    name: pl.Float64 if name == "age" else pl.String
    for name in ("path", "patient_id", "study_id", "view", "age", "sex")
}


def read(
    root: Path, *, allow_missing: bool = False, labels: Path | None = None, on_progress: ProgressReport = silent
) -> Collected:
    """Read a folder of films; see `hilum.data.collections.read_collection`."""
    notes: list[str] = []
    films, rejected = _find_films(root, notes, on_progress)
    if films.is_empty() and not (labels is not None and allow_missing):
        raise HilumError(
            root,
            expected="PNG, JPEG or DICOM films",
            found=f"none ({len(rejected):,} files set aside as unreadable)" if len(rejected) else "none",
            fix="Name the folder that holds them as ROOT.",
        )
    sources = {}
    if labels is None:
        unnamed = pl.lit(None, dtype=pl.String)
        manifest = films.with_columns(
            pl.col("path").alias("image_id"),
            pl.col("patient_id").alias("header_id"),
            *(unnamed.alias(name) for name in ("split", "patient_id")),
        )
    else:
        labels = root / labels if not labels.is_file() and (root / labels).is_file() else labels
        manifest = _join(read_label_table(labels, notes), films, rejected, labels, allow_missing, notes)
        sources[labels.name] = file_sha256(labels)
    manifest = _mark_labelled(find_patients(manifest, root, notes), labels, notes)
    columns = (*FIXED_COLUMNS, *OPTIONAL_COLUMNS)
    manifest = manifest.select(*columns, pl.exclude(columns))
    return Collected(manifest, None, root, "folder", notes, sources, rejected)


def _find_films(root: Path, notes: list[str], on_progress: ProgressReport) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(`path`, and what a DICOM header says), sorted by path; and the files set aside."""
    rows: list[tuple[str, str | None, str | None, str | None, float | None, str | None]] = []
    rejected: list[tuple[str, str, str]] = []
    inside = root.resolve()
    remarks: Counter[str] = Counter()
    others = 0
    paths = sorted(_walk(root))
    for done, path in enumerate(paths):
        on_progress(done, len(paths), "")
        name = path.relative_to(root).as_posix()
        if path.suffix and path.suffix.lower() not in _ENDINGS:
            others += 1
            continue
        try:
            _check_inside(path, inside)
            header = read_header(path) if kind_of(path) == "dicom" else DicomHeader()
        except UnreadableImage as error:
            if path.suffix:
                rejected.append((name, name, error.reason))
            else:
                others += 1
            continue
        remarks.update(header.remarks)
        rows.append((name, header.patient_id, header.study_id, header.view, header.age, header.sex))
    if others:
        notes.append(f"{others:,} files are no pictures and were skipped")
    if rejected:
        notes.append(f"{len(rejected):,} files could not be read and were set aside (rejected.parquet)")
    notes.extend(f"{count:,} DICOM files: {remark}" for remark, count in sorted(remarks.items()))
    films = pl.DataFrame(rows, schema=_HEADER_COLUMNS, orient="row").with_columns(pl.col("view").str.to_uppercase())
    return films, pl.DataFrame(rejected, schema=nothing_rejected().schema, orient="row")


def _check_inside(path: Path, inside: Path) -> None:
    try:
        leads_out = not path.resolve().is_relative_to(inside)
    except (OSError, RuntimeError) as error:
        raise UnreadableImage(path, reason="a link that leads in a circle") from error
    if leads_out:
        raise UnreadableImage(path, reason="a link that leads out of the folder")


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(folder, name) for name in files if not name.startswith("."))


def _join(
    table: pl.DataFrame,
    films: pl.DataFrame,
    rejected: pl.DataFrame,
    labels: Path,
    allow_missing: bool,
    notes: list[str],
) -> pl.DataFrame:
    """The rows of the CSV, each with its file, then the images without a row.

    What the CSV leaves blank is taken from the DICOM header; its patient id is left in `header_id`.
    """
    names = [name.replace("\\", "/").removeprefix("./") for name in table["file"]]
    file_of, unreadable = _files_by_name(films["path"].to_list()), _files_by_name(rejected["path"].to_list())
    table = table.with_columns(
        pl.Series("path", [file_of.get(name) for name in names], dtype=pl.String),
        pl.Series("aside", [name in unreadable and name not in file_of for name in names], dtype=pl.Boolean),
    )
    table = table.filter(~pl.col("aside")).drop("aside", "file")
    missing = table.filter(pl.col("path").is_null())["image_id"]
    if len(missing):
        named = ", ".join(missing.head(3))
        if not allow_missing:
            raise HilumError(
                labels,
                expected="a file for every row",
                found=f"none, or several of that name, for {len(missing):,} ({named})",
                fix="Write paths below the root, get the files, or go on without them: --allow-missing.",
            )
        notes.append(f"{len(missing):,} rows of {labels.name} have no file, allowed ({named})")
    shared = table.filter(pl.col("path").is_not_null() & pl.col("path").is_duplicated())["image_id"]
    if len(shared):
        named = ", ".join(shared.head(3))
        raise HilumError(labels, expected="one row a file", found=f"several: {named}", fix="Remove all but one.")
    without_row = films.join(table, on="path", how="anti", maintain_order="left").select("path")
    taken = set(table["image_id"])
    ids = [f"./{path}" if path in taken else path for path in without_row["path"]]
    unlisted = without_row.with_columns(pl.Series("image_id", ids, dtype=pl.String))
    table = pl.concat([table, unlisted], how="diagonal")
    headers = ("study_id", "view", "age", "sex")
    joined = table.join(
        films.rename({"patient_id": "header_id"}), on="path", how="left", maintain_order="left", suffix="_header"
    )
    return joined.with_columns(pl.coalesce(name, f"{name}_header").alias(name) for name in headers).drop(
        f"{name}_header" for name in headers
    )


def _mark_labelled(images: pl.DataFrame, labels: Path | None, notes: list[str]) -> pl.DataFrame:
    """Add `labelled`: whether any finding has a code."""
    findings = finding_columns(images.drop("header_id", strict=False))
    told = pl.any_horizontal(pl.lit(False), *(pl.col(name).is_not_null() for name in findings))
    images = images.with_columns(told.alias("labelled"))
    unlabelled = len(images) - int(images["labelled"].sum())
    if labels is not None and unlabelled:
        notes.append(f"{unlabelled:,} of {len(images):,} images have no label in {labels.name}: they can only pretrain")
    return images


def _files_by_name(paths: list[str]) -> dict[str, str]:
    """A file by its path, its name, or its name without ending; names that several files share are left out."""
    names = [(name, path) for path in paths for name in {path, PurePosixPath(path).name, PurePosixPath(path).stem}]
    shared = Counter(name for name, _ in names)
    return {name: path for name, path in names if shared[name] == 1 or name == path}
