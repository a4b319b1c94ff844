"""Measurement of every image of a data set, in threads, resumable after an interruption.

Files of the output directory:

    images.parquet    row, image_id, reason (null for readable images), and the measurements of `images.Image`
    thumbnails.raw      N x 64 x 64 bytes; black for an unreadable image
    order.json          fingerprint of the images: ids, paths, sizes and times of their files

While it is filled, the temporary directory also holds `journal.jsonl`, one line for each finished image, written after
its thumbnail is on disk.
"""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_type_hints

import cv2
import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.artifacts import fingerprint, whole_directory, write_json
from hilum.data.doctor.images import Image, measure
from hilum.data.duplicates import SIDE
from hilum.data.images.gray import UnreadableImage
from hilum.data.paths import NOT_ON_DISK, OUTSIDE, leads_inside
from hilum.progress import ProgressReport, silent

IMAGES, THUMBNAILS, ORDER = "images.parquet", "thumbnails.raw", "order.json"
_JOURNAL = "journal.jsonl"
_AT_A_TIME = 16  # images per worker between two writes of the journal
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
    if not _is_of(directory / ORDER, order) or not (directory / IMAGES).is_file():
        with whole_directory(directory, resume=True) as beside:
            if not _is_of(beside / ORDER, order):
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
    paths = manifest["path"].to_list()
    done = _read_journal(beside / _JOURNAL)
    waiting = [row for row in range(len(paths)) if row not in done]
    aside = sum("reason" in outcome for outcome in done.values())
    on_progress(len(done), len(paths), "")
    inside = root.resolve()
    descriptor = os.open(beside / THUMBNAILS, os.O_RDWR | os.O_CREAT, 0o644)

    def look_at(row: int) -> dict[str, Any]:
        if paths[row] is None:
            return {"reason": NOT_ON_DISK}
        if not leads_inside(root / paths[row], inside):
            return {"reason": OUTSIDE}
        try:
            image, small = measure(root / paths[row])
        except UnreadableImage as error:
            return {"reason": error.reason}
        os.pwrite(descriptor, small.tobytes(), row * SIDE * SIDE)
        return asdict(image)

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # images are decoded in parallel; OpenCV's own threads would compete
    try:
        os.truncate(descriptor, len(paths) * SIDE * SIDE)
        with ThreadPoolExecutor(workers) as pool, (beside / _JOURNAL).open("a", encoding="utf-8") as journal:
            journal.write("\n")  # the last line may be incomplete after an interruption
            for first in range(0, len(waiting), _AT_A_TIME * workers):
                rows = waiting[first : first + _AT_A_TIME * workers]
                outcomes = dict(zip(rows, pool.map(look_at, rows), strict=True))
                os.fsync(descriptor)
                journal.writelines(json.dumps([row, outcome]) + "\n" for row, outcome in outcomes.items())
                journal.flush()
                done |= outcomes
                aside += sum("reason" in outcome for outcome in outcomes.values())
                on_progress(len(done), len(paths), f"{aside:,} rejected" if aside else "")
    finally:
        cv2.setNumThreads(threads)
        os.close(descriptor)
    return done


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


def _read_journal(path: Path) -> dict[int, dict[str, Any]]:
    done: dict[int, dict[str, Any]] = {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("[") and line.endswith("]"):  # skip an incomplete line
                row, outcome = json.loads(line)
                done[row] = outcome
    return done


def _fingerprint(manifest: pl.DataFrame, root: Path) -> str:
    images = []
    for image_id, path in manifest.select("image_id", "path").iter_rows():
        try:
            state = (root / path).stat() if path is not None else None
        except (OSError, ValueError):  # missing, or an invalid name
            state = None
        images.append((image_id, path, state.st_size if state else -1, state.st_mtime_ns if state else -1))
    return fingerprint({"layout": _LAYOUT, "images": images})


def _is_of(path: Path, order: str) -> bool:
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")) == order)
    except (OSError, ValueError):
        return False
