"""Images of a native layout whose DICOM headers are needed: read many at a time, the unreadable ones set aside."""

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
from hilum.progress import ProgressReport

_AT_ONCE = 32  # files being read: a header is a short wait for the disk
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
    """The image files in some folders, sorted: `image_id`, the name without its suffix (first of a name), `path`."""
    found = [files.listed(folders, suffix) for suffix in suffixes]
    named = [
        images.select(pl.col("name").str.strip_suffix(suffix).alias("image_id"), "path")
        for images, suffix in zip(found, suffixes, strict=True)
    ]
    return pl.concat(named).unique("image_id", keep="first", maintain_order=True).sort("image_id")


def read_headers(
    root: Path, radiographs: pl.DataFrame, on_progress: ProgressReport, notes: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Read the DICOM headers of images.

    Args:
        root: that the paths start from.
        images: `image_id`, `path`; rows without a path are left out.
        on_progress: called with (files read, files, "").
        notes: what the headers say that a user should know, with counts, is added.

    Returns:
        `image_id`, `patient_id`, `view`, `age` (years), `sex`, `frame_width` and `frame_height` (pixels) of the images
        that can be read; `image_id`, `path`, `reason` of those that cannot; and `path`, `remark` of what was met. An
        image that decoding turns upright has no frame here, because boxes drawn on it as it is stored would not land.
    """
    here = radiographs.drop_nulls("path").select("image_id", "path")
    rows, rejected = [], []
    remarks: list[tuple[str, Remark]] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        read_headers = pool.map(lambda path: _header(root / path), here["path"])
        for done, ((image_id, path), header) in enumerate(zip(here.iter_rows(), read_headers, strict=True)):
            if done % _REPORT_EVERY == 0:
                on_progress(done, len(here), "")
            if isinstance(header, str):
                rejected.append((image_id, path, header))
            else:
                remarks += [(path, remark) for remark in header.remarks]
                frame = (None, None) if header.turned else (header.columns, header.rows)
                rows.append((image_id, header.patient_id, header.view, header.age, header.sex, *frame))
    notes.extend(count_notes(Counter(remark for _, remark in remarks)))
    table = pl.DataFrame(rows, schema=_HEADERS, orient="row").with_columns(pl.col("view").str.to_uppercase())
    return (
        table,
        pl.DataFrame(rejected, schema=empty_rejected().schema, orient="row"),
        pl.DataFrame(remarks, schema=empty_remarks().schema, orient="row"),
    )


def without(radiographs: pl.DataFrame, rejected: pl.DataFrame, notes: list[str]) -> pl.DataFrame:
    """The images without those that cannot be read; how many these are is noted."""
    if rejected.is_empty():
        return radiographs
    notes.append(f"{len(rejected):,} files could not be read and were set aside (rejected.parquet)")
    return radiographs.join(rejected, on="image_id", how="anti", maintain_order="left")


def note_unlisted_files(images: pl.DataFrame, radiographs: pl.DataFrame, table: Path, notes: list[str]) -> None:
    """Note how many image files have no row in the table that should name them."""
    strangers = len(images.join(radiographs, on="image_id", how="anti"))
    if strangers:
        notes.append(f"{strangers:,} image files have no row in {table.name} and were left out")


def _header(path: Path) -> DicomHeader | str:
    try:
        return read_header(path)
    except UnreadableImage as error:
        return error.reason
