"""Building of an image store: many threads, a journal to resume after an interruption, no gaps at the end.

During the build the temporary directory also holds

    order.json       fingerprint of the store; another fingerprint starts anew
    journal.jsonl    one line for each finished image: [row, reason, remarks]; reason null for a readable image

A row is written to the journal after its pixels are on disk, so that an interruption loses only the last moments.

Threads suffice: OpenCV, Pillow, NumPy and zlib release Python's lock, and decoders that do not run in separate
processes (`hilum.data.dicom.codecs`).
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from itertools import chain, pairwise
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import polars as pl

from hilum.artifacts import whole_directory, write_json
from hilum.data.images.gray import UnreadableImage
from hilum.data.paths import NOT_ON_DISK, OUTSIDE, leads_inside
from hilum.data.pixels import read_image
from hilum.data.preprocess import Recipe, parse_recipe, preprocess
from hilum.errors import HilumError
from hilum.progress import ProgressReport

_Outcome: TypeAlias = tuple[str | None, str]  # reason of the rejection, and codes of remarks
_ORDER, _JOURNAL = "order.json", "journal.jsonl"
_AT_A_TIME = 32  # images per worker between two writes of the journal


def build(
    manifest: pl.DataFrame,
    root: Path,
    recipe: Recipe,
    directory: Path,
    order: str,
    workers: int,
    on_progress: ProgressReport,
) -> None:
    """Build a store in `directory`; see `hilum.data.store.store.build_store`. `order` is its fingerprint."""
    with whole_directory(directory, resume=True) as beside:
        _start_or_resume(beside, order)
        if not (beside / DESCRIPTION).is_file():
            done = _fill(manifest, root, recipe, beside, workers, on_progress)
            reasons = {row: reason for row, (reason, _) in sorted(done.items()) if reason is not None}
            if len(reasons) == len(manifest):
                shutil.rmtree(beside)
                raise _nothing_readable(root, manifest, reasons)
            _close_holes(manifest, recipe, beside, reasons)
            _list_remarks(manifest, beside, done)
            _describe(manifest, recipe, beside, reasons, order)
        _shorten(beside)
        for name in (_ORDER, _JOURNAL):
            (beside / name).unlink(missing_ok=True)


def _start_or_resume(beside: Path, order: str) -> None:
    description = beside / DESCRIPTION
    if description.is_file():  # interrupted between the last write and the renaming
        if json.loads(description.read_text(encoding="utf-8"))["fingerprint"] == order:
            return
    elif (beside / _ORDER).is_file() and json.loads((beside / _ORDER).read_text(encoding="utf-8")) == order:
        return
    shutil.rmtree(beside)
    (beside / IMAGES).parent.mkdir(parents=True)
    write_json(beside / _ORDER, order)


def _fill(
    manifest: pl.DataFrame, root: Path, recipe: Recipe, beside: Path, workers: int, on_progress: ProgressReport
) -> dict[int, _Outcome]:
    """Write the image of row i to row i of the array; return the outcome of each image."""
    paths = manifest["path"].to_list()
    total, image_bytes = len(paths), recipe.size * recipe.size
    header = _header(total, recipe.size)
    done = _read_journal(beside / _JOURNAL)
    waiting = [row for row in range(total) if row not in done]
    on_progress(len(done), total, "")
    inside = root.resolve()
    descriptor = os.open(beside / IMAGES, os.O_RDWR | os.O_CREAT, 0o644)

    def prepare(row: int) -> _Outcome:
        try:
            if paths[row] is None:
                return NOT_ON_DISK, ""
            path = root / paths[row]
            if not leads_inside(path, inside):
                return OUTSIDE, ""
            image = read_image(path, recipe.window)
            pixels = preprocess(image.pixels, recipe)
        except UnreadableImage as error:
            return error.reason, ""
        os.pwrite(descriptor, pixels.tobytes(), len(header) + row * image_bytes)
        return None, " ".join(image.remarks)

    try:
        os.pwrite(descriptor, header, 0)
        os.truncate(descriptor, len(header) + total * image_bytes)
        with (
            _one_opencv_thread(),
            ThreadPoolExecutor(workers) as pool,
            (beside / _JOURNAL).open("a", encoding="utf-8") as journal,
        ):
            journal.write("\n")  # the last line may be incomplete after an interruption
            rejected = sum(reason is not None for reason, _ in done.values())
            for outcomes in _one_batch_ahead(pool, prepare, waiting, _AT_A_TIME * workers):
                os.fsync(descriptor)
                journal.writelines(json.dumps([row, *outcome]) + "\n" for row, outcome in outcomes.items())
                journal.flush()
                done |= outcomes
                rejected += sum(reason is not None for reason, _ in outcomes.values())
                on_progress(len(done), total, f"{rejected:,} rejected" if rejected else "")
    finally:
        os.close(descriptor)
    return done


def _one_batch_ahead(
    pool: ThreadPoolExecutor, prepare: Callable[[int], _Outcome], rows: list[int], size: int
) -> Iterator[dict[int, _Outcome]]:
    """Yield the outcomes of each row, by batches; the next batch is processed while this one is recorded."""
    batches = (rows[first : first + size] for first in range(0, len(rows), size))
    begun = ((batch, pool.map(prepare, batch)) for batch in batches)
    try:
        for (batch, outcomes), _ in pairwise(chain(begun, [([], iter(()))])):
            yield dict(zip(batch, outcomes, strict=True))
    finally:
        pool.shutdown(cancel_futures=True)


def _close_holes(manifest: pl.DataFrame, recipe: Recipe, beside: Path, reasons: dict[int, str]) -> None:
    """Move the last images into the rows of rejected images; idempotent.

    The images also remain at their old places until the store is described, so that an interruption loses nothing.
    """
    readable = len(manifest) - len(reasons)
    images = np.memmap(
        beside / IMAGES,
        mode="r+",
        dtype=np.uint8,
        offset=len(_header(len(manifest), recipe.size)),
        shape=(len(manifest), recipe.size, recipe.size),
    )
    for hole, last in _moves(len(manifest), reasons):
        images[hole] = images[last]
    images.flush()
    del images
    ids = manifest["image_id"].to_list()
    row_of = {row: row for row in range(readable) if row not in reasons} | dict(_moves(len(manifest), reasons))
    index = pl.DataFrame(
        {"row": list(row_of), "image_id": [ids[image] for image in row_of.values()]},
        schema={"row": pl.Int64, "image_id": pl.String},
    ).sort("row")
    index.write_parquet(beside / INDEX)


def _moves(total: int, reasons: dict[int, str]) -> list[tuple[int, int]]:
    """Return (gap, image that fills it): gaps among the first rows, images from the end."""
    readable = total - len(reasons)
    holes = [row for row in sorted(reasons) if row < readable]
    last = [row for row in range(readable, total) if row not in reasons]
    return list(zip(holes, last, strict=True))


def _list_remarks(manifest: pl.DataFrame, beside: Path, done: dict[int, _Outcome]) -> None:
    """Write one row for each remark on each image."""
    ids = manifest["image_id"].to_list()
    rows = [(ids[row], remark) for row, (_, remarks) in sorted(done.items()) for remark in remarks.split()]
    pl.DataFrame(rows, schema=REMARK_COLUMNS, orient="row").write_parquet(beside / REMARKS)


def _describe(manifest: pl.DataFrame, recipe: Recipe, beside: Path, reasons: dict[int, str], order: str) -> None:
    rejected = manifest.select("image_id", "path")[list(reasons)]
    rejected.with_columns(pl.Series("reason", list(reasons.values()), dtype=pl.String)).write_parquet(beside / REJECTED)
    images = {"images": len(manifest) - len(reasons), "rejected": len(reasons)}
    write_json(beside / DESCRIPTION, {"recipe": recipe.as_data(), **images, "fingerprint": order})


def _shorten(beside: Path) -> None:
    """Truncate the array to its images; idempotent."""
    description = json.loads((beside / DESCRIPTION).read_text(encoding="utf-8"))
    readable, size = description["images"], parse_recipe(description["recipe"]).size
    header = _header(readable, size)
    with (beside / IMAGES).open("r+b") as stream:
        stream.write(header)
        stream.truncate(len(header) + readable * size * size)


def _header(images: int, size: int) -> bytes:
    """Return the header of an NPY file; its length does not depend on the number of images (NumPy reserves space)."""
    stream = BytesIO()
    head = {"descr": "|u1", "fortran_order": False, "shape": (images, size, size)}
    np.lib.format.write_array_header_1_0(stream, head)
    return stream.getvalue()


def _read_journal(path: Path) -> dict[int, _Outcome]:
    done: dict[int, _Outcome] = {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("[") and line.endswith("]"):  # skip an incomplete line
                row, reason, remarks = json.loads(line)
                done[row] = reason, remarks
    return done


def _nothing_readable(root: Path, manifest: pl.DataFrame, reasons: dict[int, str]) -> HilumError:
    common, images = Counter(reasons.values()).most_common(1)[0] if reasons else ("no images", 0)
    return HilumError(
        root,
        expected="images that can be read",
        found=f"none of {len(manifest):,} (most often: {common}, {images:,})",
        fix="Check that the folder holds the images of this manifest.",
    )


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """Limit OpenCV to one thread: images are decoded in parallel, and OpenCV's own threads would compete."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


IMAGES, INDEX = Path("pixels", "images.npy"), Path("pixels", "index.parquet")
REMARK_COLUMNS = {"image_id": pl.String, "remark": pl.String}
REJECTED, REMARKS, DESCRIPTION = Path("rejected.parquet"), Path("remarks.parquet"), Path("store.json")
