"""What all layouts share: the request checked, images drawn by several processes, files whole or absent, the truth."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import joblib
import numpy as np
import polars as pl
from joblib.externals.loky import get_reusable_executor

from hilum.artifacts import whole_directory
from hilum.data.patients import mark_generated
from hilum.data.replaceable import check_replaceable
from hilum.errors import HilumError
from hilum.phantom.build import generator
from hilum.phantom.population import Image
from hilum.progress import ProgressReport, silent

Made = TypeVar("Made")
_WORTH_A_PROCESS = 250
"""Images; a process takes a second or two to start, in which dozens of small images are drawn."""
_USE = 20  # of `generator`; smaller ones belong to the images themselves
_TEXT = ("image_id", "path", "patient_id", "study_id", "view", "age", "sex", "split")


@dataclass(frozen=True)
class GeneratedDataset:
    """What the files of a generated data set say, known by construction: what reading them has to give.

    Attributes:
        manifest: one row an image, in the order of the native table; columns as in `hilum.data.manifest`.
        boxes, readings, grades: as in `hilum.data.collections.Dataset`; None where the layout has none.
    """

    manifest: pl.DataFrame
    boxes: pl.DataFrame | None = None
    readings: pl.DataFrame | None = None
    grades: pl.DataFrame | None = None


class Writer(Protocol):
    """What the module of a layout calls `write`."""

    def __call__(
        self,
        root: Path,
        *,
        images: int,
        size: int,
        seed: int,
        workers: int | None = None,
        on_progress: ProgressReport = silent,
    ) -> GeneratedDataset:
        """Write generated images in a data set's native layout; whole or not at all.

        Args:
            root: the folder to make; absent or empty, for real images lie in folders that look just like it.
            images: number of images, at least 1. The images of a smaller number are the first of a larger one.
            size: side of the images, pixels (of the longer side where images are not square), at least 16.
            seed: an image is a function of (seed, its name, size).
            workers: processes at most; the number of processors if None. The files do not depend on it.
            on_progress: called after every image.

        Raises:
            HilumError: `images` or `size` is too small, or something lies in `root`.
        """


@contextmanager
def new_data_set(root: Path, *, images: int, size: int, seed: int) -> Iterator[Path]:
    """Check a request and yield a folder beside `root` to fill; it becomes `root` when the block ends well.

    It holds a hidden file that says whose population its patients are of, and nothing else.

    Raises:
        HilumError: `images` or `size` is too small, or something lies in `root`.
    """
    check_replaceable(root, ())
    if images < 1:
        raise HilumError("images", expected="at least 1", found=str(images), fix="Ask for more.")
    if size < 16:
        raise HilumError("size", expected="at least 16 pixels", found=str(size), fix="256 is usual.")
    with whole_directory(root) as beside:
        mark_generated(beside, seed)
        yield beside


def draw_images(
    population: Sequence[Image], draw: Callable[[Image], Made], *, workers: int | None, on_progress: ProgressReport
) -> list[Made]:
    """Call `draw` for every image, several at a time where there are many.

    Drawing is a long row of small NumPy steps, during which no other thread of a process gets on: several processes do.

    Args:
        population: the images, N.
        draw: makes the image's file and returns what is to be known of it, such as its boxes. It changes nothing else.
        workers: processes at most; the number of processors if None.
        on_progress: called after every image, in their order.

    Returns:
        What `draw` returned, N, in the order of the images.
    """
    processes = min(workers or os.cpu_count() or 1, max(len(population) // _WORTH_A_PROCESS, 1))
    calls = (joblib.delayed(draw)(image) for image in population)
    made: list[Made] = []
    try:
        with closing(joblib.Parallel(processes, backend="loky", return_as="generator")(calls)) as drawn:
            for image, each in zip(population, drawn, strict=True):
                made.append(each)
                on_progress(len(made), len(population), image.image_id)
    finally:
        if processes > 1:
            get_reusable_executor().shutdown(wait=True, kill_workers=True)
    return made


def draws(seed: int, layout: str, name: str) -> np.random.Generator:
    """Draws that belong to a patient or an image under one layout: what the phantom itself does not know."""
    return generator(seed, f"{layout} {name}", _USE)


def permuted_block(seed: int, layout: str, patient: int, block: Sequence[str]) -> str:
    """The part of a data set that a patient belongs to.

    Args:
        seed: of the population.
        layout: its name; different layouts divide the same patients differently.
        patient: from 1.
        block: parts, such as seven times "train", once "val" and twice "test": each run of ten patients then has
            exactly these, in an order of its own, so that few patients suffice.
    """
    number, place = divmod(patient - 1, len(block))
    order = draws(seed, layout, f"block {number}").permutation(len(block))
    return block[int(order[place])]


def manifest_of(
    rows: Sequence[Mapping[str, object]], findings: Sequence[str], lists: Sequence[str] = ()
) -> pl.DataFrame:
    """The truth as a manifest, with its columns and their types.

    Args:
        rows: one an image; what a row lacks is null.
        findings: canonical names, in the order of the columns.
        lists: names of further columns `split_<name>`.
    """
    schema: dict[str, type[pl.DataType]] = dict.fromkeys((*_TEXT, *lists), pl.String)
    schema |= {"age": pl.Float64} | dict.fromkeys(findings, pl.Int8)
    return pl.DataFrame(list(rows), schema=schema, orient="row")
