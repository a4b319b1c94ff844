"""Measurement of every image of a data set, in threads, resumable after an interruption.

Files of the output directory:

    images.parquet    row, image_id, reason (null for readable images), and the measurements of `images.Image`
    thumbnails.raw      N x 64 x 64 bytes; black for an unreadable image
    order.json          fingerprint of the images: ids, paths, sizes and times of their files

While it is filled, the temporary directory also holds `journal.jsonl`, one line for each finished image, written after
its thumbnail is on disk.
"""

import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.artifacts import fingerprint, holds_json, whole_directory, write_json
from hilum.data.doctor.images import Image, measure
from hilum.data.duplicates import SIDE
from hilum.data.paths import size_and_time
from hilum.data.store.journal import Outcome, RowFile, process_images
from hilum.progress import ProgressReport, silent

IMAGES, THUMBNAILS, ORDER = "images.parquet", "thumbnails.raw", "order.json"
_JOURNAL = "journal.jsonl"
_TYPES = {int: pl.Int64, float: pl.Float64, str: pl.String}
_LAYOUT = 2  # a new number invalidates earlier measurements


@dataclass(frozen=True)
class ImageMeasurements:
    """Measurements of the images of a data set.

    Attributes:
        images: One row for each image, in the manifest's order: `image_id`, `reason`, and the columns of `Image`.
        thumbnails: (N, 64, 64) uint8, memory-mapped; black for an unreadable image.
    """

    images: pl.DataFrame
    thumbnails: NDArray[np.uint8]


def measure_images(
    manifest: pl.DataFrame,
    root: Path,
    directory: Path,
    *,
    workers: int | None = None,
    on_progress: ProgressReport = silent,
) -> ImageMeasurements:
    """Measure every image of a manifest, once.

    An interrupted call resumes when it is repeated. For the same images the existing output is read; for others it is
    replaced. Unreadable images are listed with a reason.

    Args:
        manifest: Manifest of N images.
        root: Folder of the manifest's paths.
        directory: Output directory.
        workers: Number of threads; default: number of processor cores. The result does not depend on it.
        on_progress: Called with (images done, N, note).
    """
    order = _fingerprint(manifest, root)
    if not holds_json(directory / ORDER, order) or not (directory / IMAGES).is_file():
        with whole_directory(directory, resume=True) as beside:
            if not holds_json(beside / ORDER, order):
                shutil.rmtree(beside)
                beside.mkdir()
                write_json(beside / ORDER, order)
            found = _fill(manifest, root, beside, workers or os.cpu_count() or 1, on_progress)
            _as_table(manifest, found).write_parquet(beside / IMAGES)
        (directory / _JOURNAL).unlink(missing_ok=True)
    return ImageMeasurements(
        pl.read_parquet(directory / IMAGES), _open_thumbnails(directory / THUMBNAILS, len(manifest))
    )


def _fill(
    manifest: pl.DataFrame, root: Path, beside: Path, workers: int, on_progress: ProgressReport
) -> dict[int, dict[str, Any]]:
    def process(path: Path) -> tuple[bytes, Outcome]:
        image, thumbnail = measure(path)
        return thumbnail.tobytes(), (asdict(image),)

    outcomes = process_images(
        manifest["path"].to_list(),
        root,
        RowFile(beside / THUMBNAILS, SIDE * SIDE),
        beside / _JOURNAL,
        process,
        failed=lambda reason: ({"reason": reason},),
        is_failed=lambda outcome: "reason" in outcome[0],
        workers=workers,
        on_progress=on_progress,
    )
    return {row: found for row, (found,) in outcomes.items()}


def _as_table(manifest: pl.DataFrame, found: dict[int, dict[str, Any]]) -> pl.DataFrame:
    columns = {"reason": pl.String} | {name: _TYPES[kind] for name, kind in get_type_hints(Image).items()}
    rows = [found[row] for row in range(len(manifest))]
    return pl.DataFrame(
        {name: pl.Series([row.get(name) for row in rows], dtype=dtype) for name, dtype in columns.items()}
    ).insert_column(0, manifest["image_id"])


def _open_thumbnails(path: Path, images: int) -> NDArray[np.uint8]:
    if images == 0:
        return np.zeros((0, SIDE, SIDE), dtype=np.uint8)
    return np.memmap(path, mode="r", dtype=np.uint8, shape=(images, SIDE, SIDE))


def _fingerprint(manifest: pl.DataFrame, root: Path) -> str:
    rows = manifest.select("image_id", "path").iter_rows()
    images = [(image_id, path, *size_and_time(None if path is None else root / path)) for image_id, path in rows]
    return fingerprint({"layout": _LAYOUT, "images": images})
