"""Image store: every image decoded and preprocessed once, in one memory-mapped array.

pixels/images.npy       uint8, N x S x S
pixels/index.parquet    row, image_id
rejected.parquet        image_id, path, reason: unreadable images; they have no row
remarks.parquet         image_id, remark: deviations in readable files (`hilum.data.images.remarks.Remark`)
store.json              recipe, counts, fingerprint
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.artifacts import fingerprint
from hilum.data.images import Remark, count_notes
from hilum.data.paths import size_and_time
from hilum.data.preprocess import Recipe, parse_recipe
from hilum.data.replaceable import check_replaceable
from hilum.data.store.build import DESCRIPTION, IMAGES, INDEX, REJECTED, REMARK_COLUMNS, REMARKS
from hilum.errors import HilumError
from hilum.notes import Note
from hilum.progress import ProgressReport, silent


@dataclass(frozen=True)
class Store:
    """Finished store, open for reading.

    Attributes:
        directory: Directory of the store.
        pixels: (N, S, S) uint8, memory-mapped.
        image_ids: Ids of the N rows, in their order.
        rejected: `image_id`, `path`, `reason` of unreadable images.
        recipe: Preprocessing of the images.
        remarks: `image_id`, `remark` (a code of `hilum.data.images.remarks.Remark`) of readable files.
    """

    directory: Path
    pixels: NDArray[np.uint8]
    image_ids: list[str]
    rejected: pl.DataFrame
    recipe: Recipe
    remarks: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REMARK_COLUMNS))

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {image_id: row for row, image_id in enumerate(self.image_ids)}

    def notes(self) -> list[Note]:
        """Return notes on the remarks, with counts."""
        counts = {Remark(code): count for code, count in self.remarks.group_by("remark").len().iter_rows()}
        return count_notes(counts)

    def rows(self, image_ids: list[str]) -> NDArray[np.int64]:
        """Return the rows of images, (len(image_ids),).

        Raises:
            HilumError: Images that the store lacks, including rejected ones.
        """
        row_of = self._row_of
        missing = [image_id for image_id in image_ids if image_id not in row_of]
        if missing:
            rejected = set(self.rejected["image_id"])
            refused = sum(image_id in rejected for image_id in missing)
            raise HilumError(
                self.directory,
                expected="every requested image",
                found=f"{len(missing):,} missing ({', '.join(missing[:3])}), {refused:,} of them unreadable",
                fix="Exclude rejected images, or build the store from the manifest of these images.",
            )
        return np.fromiter((row_of[image_id] for image_id in image_ids), dtype=np.int64, count=len(image_ids))

    def gather(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Copy the pixels of rows, (len(rows), S, S)."""
        # np.take releases Python's lock during the copy and slow reads; np.memmap's own indexing is slower
        return np.take(np.asarray(self.pixels), rows, axis=0)

    def pixel_hashes(self, image_ids: list[str]) -> list[str]:
        """Return the first 128 bits of the SHA-256 of each image's pixels, 32 hexadecimal digits.

        Raises:
            HilumError: Images that the store lacks.
        """
        return [hashlib.sha256(self.pixels[row].tobytes()).hexdigest()[:32] for row in self.rows(image_ids)]

    def has(self, image_ids: list[str]) -> NDArray[np.bool_]:
        """Return true for images that the store has, (len(image_ids),)."""
        return np.fromiter((image_id in self._row_of for image_id in image_ids), dtype=np.bool_, count=len(image_ids))

    def readable(self, image_ids: Sequence[str]) -> list[str]:
        """Return the images that the store has, in the same order."""
        return [image_id for image_id in image_ids if image_id in self._row_of]


def build_store(
    manifest: pl.DataFrame,
    root: Path,
    recipe: Recipe,
    directory: Path,
    *,
    workers: int | None = None,
    on_progress: ProgressReport = silent,
) -> Store:
    """Decode and preprocess every image of a manifest, once.

    An interrupted build resumes when it is repeated. A finished store of the same images (ids, paths, file sizes) and
    recipe is opened; any other store is rebuilt, and replaced when the new one is complete. Unreadable images, and
    those whose path or link leads out of `root`, are rejected and counted.

    Args:
        manifest: Manifest of N images.
        root: Folder of the manifest's paths.
        recipe: Preprocessing, see `hilum.data.preprocess`.
        directory: Directory of the store.
        workers: Number of threads; default: number of processor cores. The result does not depend on it.
        on_progress: Called with (images done, N, note).

    Raises:
        HilumError: No image is readable, or `directory` has other content.
    """
    from hilum.data.store.build import build

    order = _fingerprint(manifest, root, recipe)
    if (directory / DESCRIPTION).is_file() and _description(directory).get("fingerprint") == order:
        return open_store(directory)
    check_replaceable(directory, {path.parts[0] for path in (IMAGES, REJECTED, REMARKS, DESCRIPTION)})
    build(manifest, root, recipe, directory, order, workers or os.cpu_count() or 1, on_progress)
    return open_store(directory)


def open_store(directory: Path) -> Store:
    """Open a finished store.

    Raises:
        HilumError: No store, or inconsistent files.
    """
    description = _description(directory)
    try:
        pixels = np.load(directory / IMAGES, mmap_mode="r")
        image_ids = pl.read_parquet(directory / INDEX).sort("row")["image_id"].to_list()
        rejected = pl.read_parquet(directory / REJECTED)
        remarks = pl.read_parquet(directory / REMARKS)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise _broken(directory, str(error)) from error
    recipe = parse_recipe(description["recipe"])
    if pixels.shape != (len(image_ids), recipe.size, recipe.size) or pixels.dtype != np.uint8:
        raise _broken(directory, f"{pixels.dtype} {pixels.shape} for {len(image_ids):,} images of {recipe.size} px")
    return Store(directory, pixels, image_ids, rejected, recipe, remarks)


def _fingerprint(manifest: pl.DataFrame, root: Path, recipe: Recipe) -> str:
    rows = manifest.select("image_id", "path").iter_rows()
    images = [(image_id, path, size_and_time(None if path is None else root / path)[0]) for image_id, path in rows]
    return fingerprint({"layout": 3, "images": images, "recipe": recipe.as_data()})


def _description(directory: Path) -> dict[str, Any]:
    try:
        description: dict[str, Any] = json.loads((directory / DESCRIPTION).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise HilumError(
            directory, expected="a pixel store", found="no store.json", fix="Build it first, with build_store."
        ) from error
    except json.JSONDecodeError as error:
        raise _broken(directory, f"store.json: {error}") from error
    return description


def _broken(directory: Path, found: str) -> HilumError:
    return HilumError(
        directory, expected="a complete pixel store", found=found, fix="Remove the folder and build it again."
    )
