"""The user's own images: a folder of PNG, JPEG or DICOM files, labelled by a CSV or Parquet file, or unlabelled.

Files are searched recursively below the root and recognised by their first bytes, not by their names. Hidden files and
files that are not images are skipped. Rejected are images of kinds that Hilum does not read, empty files, files with an
image's name but other content, links out of the root, and names that are not UTF-8.

The table (CSV in UTF-8 with commas, or Parquet) has one row for each image; case, blanks, `_` and `-` in column names
are ignored::

    image, image_id, path, file, file name or filename   required; path relative to the root, file name, or file name
                                            without extension; the text becomes `image_id`
    patient_id (or patient, subject_id)     0013, 13 and 13.0 are one patient; missing ids are inferred by
                                            `hilum.data.collections.folder_patients`; an image without any patient id
                                            counts as a patient of its own
    study_id, view, sex                     optional; sex F or M, or in words
    age                                     optional; years, or DICOM's 062Y, 007M, 006W, 027D
    split (or fold, set, partition, subset) optional; train, val, test or train_val; training, valid, validation, dev
    any finding of Hilum's vocabulary       1 positive, 0 negative, -1 uncertain, blank not mentioned; also true and
                                            false, yes and no

Blank, NA, n/a, nan and null mean unknown. A column `fold` or `set` with values other than names of splits is ignored,
and reported.

Images without a row, and rows without a code for any finding, are kept as unlabelled images (`hilum.data.manifest`):
they are used for pretraining only, neither as negatives nor for tests.

Values that the table lacks are taken from the DICOM headers: PatientID, StudyInstanceUID, ViewPosition, age and sex,
and nothing else (`hilum.data.dicom.tags`). The terms of use are those of the owner of the images.
"""

from collections import Counter
from pathlib import Path, PurePosixPath

import polars as pl

from hilum.artifacts import file_sha256
from hilum.data.collections.dataset import Dataset, empty_rejected, empty_remarks
from hilum.data.collections.folder_patients import find_patients
from hilum.data.collections.label_table import read_label_table
from hilum.data.dicom import DicomHeader, read_header
from hilum.data.file_kinds import DECODED, ENDINGS, FileKind, kind_of_bytes
from hilum.data.images import Remark, count_notes
from hilum.data.images.gray import UnreadableImage
from hilum.data.manifest import FIXED_COLUMNS, OPTIONAL_COLUMNS, finding_columns
from hilum.data.paths import NOT_UTF8, is_utf8, printable, visible_files
from hilum.data.patients import spellings_of_patients, with_canonical_patients
from hilum.data.pixels import decodable_kind, exif_remarks, first_bytes
from hilum.errors import HilumError
from hilum.notes import Code, Note, note
from hilum.progress import ProgressReport, silent

# A file with such an extension is meant to be an image: if it is not one, it is rejected, not skipped.
_HEADER_COLUMNS = {
    name: pl.Float64 if name == "age" else pl.String
    for name in ("path", "patient_id", "study_id", "view", "age", "sex")
}


def read(
    root: Path, *, allow_missing: bool = False, labels: Path | None = None, on_progress: ProgressReport = silent
) -> Dataset:
    """Read a folder of images and the user's table of labels; see this module's docstring for both.

    Returns:
        Manifest with the findings of the table (1, 0, -1 or null), `labelled`, `patient_known`, `split` and all further
        columns of the table, completed by DICOM headers.

    Raises:
        HilumError: No images, an invalid table, rows without a file; see `hilum.data.collections.read_collection`.
    """
    notes: list[Note] = []
    images, rejected, remarks = _find_images(root, labels, notes, on_progress)
    if images.is_empty() and not (labels is not None and allow_missing):
        raise HilumError(
            root,
            expected="PNG, JPEG or DICOM images",
            found=f"none ({_most_often(rejected)})" if len(rejected) else "none",
            fix="Give the folder that contains them as ROOT.",
        )
    sources = {}
    if labels is None:
        unnamed = pl.lit(None, dtype=pl.String)
        manifest = images.with_columns(
            pl.col("path").alias("image_id"),
            pl.col("patient_id").alias("header_id"),
            *(unnamed.alias(name) for name in ("split", "patient_id")),
        )
    else:
        labels = root / labels if not labels.is_file() and (root / labels).is_file() else labels
        manifest = _join(read_label_table(labels, notes), images, rejected, labels, allow_missing, notes)
        sources[labels.name] = file_sha256(labels)
    # Table and headers may spell one patient in two ways; an image's own id must not be parsed as a number.
    manifest, spellings, warnings = _with_canonical_ids(manifest)
    manifest, found = find_patients(manifest, root)
    notes += [*warnings, *found]
    manifest = _mark_labelled(manifest, labels, notes)
    columns = (*FIXED_COLUMNS, *OPTIONAL_COLUMNS)
    manifest = manifest.select(*columns, pl.exclude(columns))
    return Dataset(
        manifest,
        None,
        root,
        "folder",
        notes,
        sources,
        rejected,
        patient_spellings=spellings,
        remarks=remarks,
    )


def _with_canonical_ids(images: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, list[str]], list[Note]]:
    """Return ids of table (`patient_id`) and headers (`header_id`) in one spelling per patient, and all spellings."""
    written = pl.DataFrame({"patient_id": pl.concat([images["patient_id"], images["header_id"]])})
    table, warnings = with_canonical_patients(written)
    canonical = table["patient_id"]
    ids = {"patient_id": canonical.head(len(images)), "header_id": canonical.tail(len(images))}
    renamed = images.with_columns(series.alias(name) for name, series in ids.items())
    return renamed, spellings_of_patients(written), warnings


def _find_images(
    root: Path, labels: Path | None, notes: list[Note], on_progress: ProgressReport
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return `path` and header values, sorted by path; the rejected files; and remarks on the others."""
    rows: list[tuple[str, str | None, str | None, str | None, float | None, str | None]] = []
    rejected: list[tuple[str, str, str]] = []
    inside = root.resolve()
    remarks: list[tuple[str, Remark]] = []
    unread: Counter[FileKind] = Counter()
    others = 0
    paths = sorted(visible_files(root))
    for done, path in enumerate(paths):
        on_progress(done, len(paths), "")
        name = path.relative_to(root).as_posix()
        try:
            _check_inside(path, inside)
            start = first_bytes(path)
            kind = kind_of_bytes(start)
            if kind is None and path.suffix.lower() not in ENDINGS:
                others += labels is None or not labels.exists() or not path.samefile(labels)
                continue
            if not is_utf8(name):
                raise UnreadableImage(path, reason=NOT_UTF8)
            if kind is not None and kind not in DECODED:
                unread[kind] += 1
            kind = decodable_kind(start, path)
            header = read_header(path) if kind is FileKind.DICOM else DicomHeader(remarks=exif_remarks(path))
        except UnreadableImage as error:
            rejected.append((printable(name), printable(name), error.reason))
            continue
        remarks += [(name, remark) for remark in header.remarks]
        rows.append((name, header.patient_id, header.study_id, header.view, header.age, header.sex))
    if others:
        notes.append(note(Code.OTHER_FILES, files=others))
    if rejected:
        notes.append(note(Code.UNREADABLE_FILES, files=len(rejected)))
    if unread:
        notes.append(note(Code.UNSUPPORTED_FILES, kinds=_of_kinds(unread)))
    notes.extend(count_notes(Counter(remark for _, remark in remarks)))
    images = pl.DataFrame(rows, schema=_HEADER_COLUMNS, orient="row").with_columns(pl.col("view").str.to_uppercase())
    return (
        images,
        pl.DataFrame(rejected, schema=empty_rejected().schema, orient="row"),
        pl.DataFrame(remarks, schema=empty_remarks().schema, orient="row"),
    )


def _most_often(rejected: pl.DataFrame) -> str:
    reasons = Counter(rejected["reason"]).most_common(3)
    return f"{len(rejected):,} files rejected: {', '.join(f'{reason} ({count:,})' for reason, count in reasons)}"


def _of_kinds(counts: Counter[FileKind]) -> str:
    return ", ".join(f"{count:,} {kind.label} file{'s' if count > 1 else ''}" for kind, count in sorted(counts.items()))


def _check_inside(path: Path, inside: Path) -> None:
    try:
        leads_out = not path.resolve().is_relative_to(inside)
    except (OSError, RuntimeError) as error:
        raise UnreadableImage(path, reason="a circular link") from error
    if leads_out:
        raise UnreadableImage(path, reason="a link out of the folder")


def _join(
    table: pl.DataFrame,
    images: pl.DataFrame,
    rejected: pl.DataFrame,
    labels: Path,
    allow_missing: bool,
    notes: list[Note],
) -> pl.DataFrame:
    """Return the rows of the table, each with its file, then the images without a row.

    Blank values are taken from the DICOM header; the header's patient id goes to `header_id`.
    """
    names = [name.replace("\\", "/").removeprefix("./") for name in table["file"]]
    file_of, unreadable = _files_by_name(images["path"].to_list()), _files_by_name(rejected["path"].to_list())
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
                fix="Write paths relative to the root, get the files, or use --allow-missing.",
            )
        notes.append(note(Code.ROWS_WITHOUT_FILE, rows=len(missing), table=labels.name, examples=named))
    shared = table.filter(pl.col("path").is_not_null() & pl.col("path").is_duplicated())["image_id"]
    if len(shared):
        named = ", ".join(shared.head(3))
        raise HilumError(labels, expected="one row for each file", found=f"several: {named}", fix="Remove all but one.")
    without_row = images.join(table, on="path", how="anti", maintain_order="left").select("path")
    taken = set(table["image_id"])
    ids = [f"./{path}" if path in taken else path for path in without_row["path"]]
    unlisted = without_row.with_columns(pl.Series("image_id", ids, dtype=pl.String))
    table = pl.concat([table, unlisted], how="diagonal")
    headers = ("study_id", "view", "age", "sex")
    joined = table.join(
        images.rename({"patient_id": "header_id"}), on="path", how="left", maintain_order="left", suffix="_header"
    )
    return joined.with_columns(pl.coalesce(name, f"{name}_header").alias(name) for name in headers).drop(
        f"{name}_header" for name in headers
    )


def _mark_labelled(images: pl.DataFrame, labels: Path | None, notes: list[Note]) -> pl.DataFrame:
    """Add `labelled`: true if any finding has a code."""
    findings = finding_columns(images.drop("header_id", strict=False))
    any_label = pl.any_horizontal(pl.lit(False), *(pl.col(name).is_not_null() for name in findings))
    images = images.with_columns(any_label.alias("labelled"))
    unlabelled = len(images) - int(images["labelled"].sum())
    if labels is not None and unlabelled:
        notes.append(note(Code.PRETRAINING_ONLY, unlabelled=unlabelled, images=len(images), table=labels.name))
    return images


def _files_by_name(paths: list[str]) -> dict[str, str]:
    """Return files by path, name, or name without extension; names of several files are excluded."""
    names = [(name, path) for path in paths for name in {path, PurePosixPath(path).name, PurePosixPath(path).stem}]
    shared = Counter(name for name, _ in names)
    return {name: path for name, path in names if shared[name] == 1 or name == path}
