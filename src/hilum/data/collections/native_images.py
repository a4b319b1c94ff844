"""Image files of a native layout and their DICOM headers, read in parallel; unreadable files are rejected."""

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from hilum.data.collections.dataset import empty_rejected, empty_remarks
from hilum.data.collections.image_files import ImageFiles
from hilum.data.dicom import DicomHeader, read_header
from hilum.data.images import Remark, count_notes
from hilum.data.images.gray import UnreadableImage
from hilum.notes import Code, Note, note
from hilum.progress import ProgressReport

_THREADS = 32  # reading a header mostly waits for the disk
_REPORT_EVERY = 100
_HEADERS = {
    "image_id": pl.String,
    "patient_id": pl.String,
    "view": pl.String,
    "age": pl.Float64,
    "sex": pl.String,
    "frame_width": pl.Int32,
    "frame_height": pl.Int32,
}


def images_in(files: ImageFiles, folders: Iterable[str], suffixes: Sequence[str]) -> pl.DataFrame:
    """List the image files in some folders, sorted and once per name: `image_id` (name without extension), `path`."""
    found = [files.listed(folders, suffix) for suffix in suffixes]
    named = [
        images.select(pl.col("name").str.strip_suffix(suffix).alias("image_id"), "path")
        for images, suffix in zip(found, suffixes, strict=True)
    ]
    return pl.concat(named).unique("image_id", keep="first", maintain_order=True).sort("image_id")


def no_file_name(column: str) -> pl.Expr:
    """Return the condition of texts that are not a file name without path, and could leave the root."""
    return pl.col(column).is_null() | pl.col(column).str.contains(r"[/\\:]|^\.")


def with_headers(
    root: Path,
    images: pl.DataFrame,
    on_progress: ProgressReport,
    notes: list[Note],
    *,
    dicom: pl.Expr | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Add the values of DICOM headers to images, and exclude images whose header cannot be read.

    Args:
        root: Folder of the paths.
        images: `image_id`, `path` and other columns; rows without a path have no header.
        on_progress: Called with (files read, files, "").
        notes: List to which notes on headers, with counts, are appended.
        dicom: Condition of the rows that are DICOM files; default: all.

    Returns:
        The readable images with `patient_id`, `view`, `age` (years), `sex`, `frame_width` and `frame_height` (pixels);
        `image_id`, `path`, `reason` of unreadable ones; and `path`, `remark`. An image that decoding turns upright has
        no frame, because boxes drawn on the stored pixels do not fit.
    """
    here = images if dicom is None else images.filter(dicom)
    here = here.drop_nulls("path").select("image_id", "path")
    rows, unreadable = [], []
    remarks: list[tuple[str, Remark]] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        read_headers = pool.map(lambda path: _header(root / path), here["path"])
        for done, ((image_id, path), header) in enumerate(zip(here.iter_rows(), read_headers, strict=True)):
            if done % _REPORT_EVERY == 0:
                on_progress(done, len(here), "")
            if isinstance(header, str):
                unreadable.append((image_id, path, header))
            else:
                remarks += [(path, remark) for remark in header.remarks]
                frame = (None, None) if header.turned else (header.columns, header.rows)
                rows.append((image_id, header.patient_id, header.view, header.age, header.sex, *frame))
    notes.extend(count_notes(Counter(remark for _, remark in remarks)))
    headers = pl.DataFrame(rows, schema=_HEADERS, orient="row").with_columns(pl.col("view").str.to_uppercase())
    rejected = pl.DataFrame(unreadable, schema=empty_rejected().schema, orient="row")
    if len(rejected):
        notes.append(note(Code.UNREADABLE_FILES, files=len(rejected)))
        images = images.join(rejected, on="image_id", how="anti", maintain_order="left")
    images = images.join(headers, on="image_id", how="left", maintain_order="left")
    return images, rejected, pl.DataFrame(remarks, schema=empty_remarks().schema, orient="row")


def _header(path: Path) -> DicomHeader | str:
    try:
        return read_header(path)
    except UnreadableImage as error:
        return error.reason
