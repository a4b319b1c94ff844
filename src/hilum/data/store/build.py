"""Building of an image store, resumable (`hilum.data.store.journal`), without gaps at the end.

During the build the temporary directory also holds

    order.json       fingerprint of the store; another fingerprint starts anew
    journal.jsonl    one line for each finished image: [row, reason, remarks]; reason null for a readable image
"""

import json
import shutil
from collections import Counter
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl

from hilum.artifacts import whole_directory, write_json
from hilum.data.pixels import read_image
from hilum.data.preprocess import Recipe, parse_recipe, preprocess
from hilum.data.store.journal import Outcome, RowFile, process_images
from hilum.errors import HilumError
from hilum.progress import ProgressReport

_ORDER, _JOURNAL = "order.json", "journal.jsonl"


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
) -> dict[int, Outcome]:
    """Write the image of row i to row i of the array; return (reason of a rejection or None, codes of remarks)."""

    def process(path: Path) -> tuple[bytes, Outcome]:
        image = read_image(path, recipe.window)
        return preprocess(image.pixels, recipe).tobytes(), (None, " ".join(image.remarks))

    return process_images(
        manifest["path"].to_list(),
        root,
        RowFile(beside / IMAGES, recipe.size * recipe.size, _header(len(manifest), recipe.size)),
        beside / _JOURNAL,
        process,
        failed=lambda reason: (reason, ""),
        is_failed=lambda outcome: outcome[0] is not None,
        workers=workers,
        on_progress=on_progress,
    )


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


def _list_remarks(manifest: pl.DataFrame, beside: Path, done: dict[int, Outcome]) -> None:
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


def _nothing_readable(root: Path, manifest: pl.DataFrame, reasons: dict[int, str]) -> HilumError:
    common, images = Counter(reasons.values()).most_common(1)[0] if reasons else ("no images", 0)
    return HilumError(
        root,
        expected="images that can be read",
        found=f"none of {len(manifest):,} (most often: {common}, {images:,})",
        fix="Check that the folder holds the images of this manifest.",
    )


IMAGES, INDEX = Path("pixels", "images.npy"), Path("pixels", "index.parquet")
REMARK_COLUMNS = {"image_id": pl.String, "remark": pl.String}
REJECTED, REMARKS, DESCRIPTION = Path("rejected.parquet"), Path("remarks.parquet"), Path("store.json")
