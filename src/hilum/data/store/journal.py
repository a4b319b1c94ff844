"""Resumable processing of images in threads: one row of bytes per image in a file, and a journal of outcomes.

A row is written to the journal after its bytes are on disk, so that an interruption loses only the last moments.

Threads suffice: OpenCV, Pillow, NumPy and zlib release Python's lock, and decoders that do not run in separate
processes (`hilum.data.dicom.codecs`).
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, TypeAlias

import cv2

from hilum.data.images.gray import UnreadableImage
from hilum.data.paths import NOT_ON_DISK, OUTSIDE, leads_inside
from hilum.progress import ProgressReport

Outcome: TypeAlias = tuple[Any, ...]
"""Result of an image for the journal, JSON values."""
_AT_A_TIME = 32  # images per worker between two writes of the journal


@dataclass(frozen=True)
class RowFile:
    """File with one row of bytes for each image.

    Attributes:
        path: Path of the file.
        row_bytes: Size of a row.
        header: Bytes before the first row.
    """

    path: Path
    row_bytes: int
    header: bytes = b""


def process_images(
    paths: Sequence[str | None],
    root: Path,
    file: RowFile,
    journal: Path,
    process: Callable[[Path], tuple[bytes, Outcome]],
    *,
    failed: Callable[[str], Outcome],
    is_failed: Callable[[Outcome], bool],
    workers: int,
    on_progress: ProgressReport,
) -> dict[int, Outcome]:
    """Process every image that the journal lacks.

    Args:
        paths: Paths of N images, relative to the root; None for a missing file.
        root: Folder of the images; files outside of it are not read.
        file: Output file; rows of failed images are zero.
        journal: Journal, one line for each finished image.
        process: Function of the path of an image; returns its row and its outcome, or raises UnreadableImage.
        failed: Outcome of an image, by the reason of its failure.
        is_failed: True for such an outcome.
        workers: Number of threads.
        on_progress: Called with (images done, N, note).

    Returns:
        Row to outcome, for all images.
    """
    done = _read(journal)
    failures = sum(map(is_failed, done.values()))
    waiting = [row for row in range(len(paths)) if row not in done]
    on_progress(len(done), len(paths), "")
    inside = root.resolve()
    descriptor = os.open(file.path, os.O_RDWR | os.O_CREAT, 0o644)

    def outcome_of(row: int) -> Outcome:
        path = paths[row]
        if path is None:
            return failed(NOT_ON_DISK)
        if not leads_inside(root / path, inside):
            return failed(OUTSIDE)
        try:
            content, outcome = process(root / path)
        except UnreadableImage as error:
            return failed(error.reason)
        os.pwrite(descriptor, content, len(file.header) + row * file.row_bytes)
        return outcome

    try:
        os.pwrite(descriptor, file.header, 0)
        os.truncate(descriptor, len(file.header) + len(paths) * file.row_bytes)
        with one_opencv_thread(), ThreadPoolExecutor(workers) as pool, journal.open("a", encoding="utf-8") as stream:
            stream.write("\n")  # the last line may be incomplete after an interruption
            for outcomes in _one_batch_ahead(pool, outcome_of, waiting, _AT_A_TIME * workers):
                os.fsync(descriptor)
                stream.writelines(json.dumps([row, *outcome]) + "\n" for row, outcome in outcomes.items())
                stream.flush()
                done |= outcomes
                failures += sum(map(is_failed, outcomes.values()))
                on_progress(len(done), len(paths), f"{failures:,} rejected" if failures else "")
    finally:
        os.close(descriptor)
    return done


def _one_batch_ahead(
    pool: ThreadPoolExecutor, outcome_of: Callable[[int], Outcome], rows: list[int], size: int
) -> Iterator[dict[int, Outcome]]:
    """Yield the outcomes of each row, by batches; the next batch is processed while this one is recorded."""
    batches = (rows[first : first + size] for first in range(0, len(rows), size))
    begun = ((batch, pool.map(outcome_of, batch)) for batch in batches)
    try:
        for (batch, outcomes), _ in pairwise(chain(begun, [([], iter(()))])):
            yield dict(zip(batch, outcomes, strict=True))
    finally:
        pool.shutdown(cancel_futures=True)


def _read(journal: Path) -> dict[int, Outcome]:
    done: dict[int, Outcome] = {}
    if journal.is_file():
        for line in journal.read_text(encoding="utf-8").splitlines():
            if line.startswith("[") and line.endswith("]"):  # skip an incomplete line
                row, *outcome = json.loads(line)
                done[row] = tuple(outcome)
    return done


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Limit OpenCV to one thread: images are decoded in parallel, and OpenCV's own threads would compete."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
