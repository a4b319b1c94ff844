"""Common parts of all layouts: checks, parallel rendering, atomic output, ground truth."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import joblib
import numpy as np
import polars as pl
from joblib.externals.loky import get_reusable_executor

from hilum.artifacts import whole_directory
from hilum.data.manifest import FIXED_COLUMNS
from hilum.data.patients import mark_generated
from hilum.data.replaceable import check_replaceable
from hilum.errors import HilumError
from hilum.phantom.build import generator
from hilum.phantom.population import Image, population_images
from hilum.progress import ProgressReport, silent

Made = TypeVar("Made")
_WORTH_A_PROCESS = 250
"""Images per process; starting a process takes a second or two, in which dozens of small images are rendered."""
_USE = 20  # of `generator`; smaller ones are used by the images themselves
BoxRow = tuple[str, str, float, float, float, float, int, int]
"""Row of a box: image_id, finding, x, y, width, height, frame_width, frame_height."""


@dataclass(frozen=True)
class GeneratedDataset:
    """Ground truth of a generated data set, which its reader must reproduce.

    Attributes:
        manifest: One row for each image, in the order of the native table (`hilum.data.manifest`).
        boxes, readings, grades: As in `hilum.data.collections.Dataset`; None if the layout has none.
    """

    manifest: pl.DataFrame
    boxes: pl.DataFrame | None = None
    readings: pl.DataFrame | None = None
    grades: pl.DataFrame | None = None


@dataclass(frozen=True)
class Request:
    """Parameters of a generated data set; see `hilum.phantom.write_layout`."""

    images: int
    size: int
    seed: int
    min_prevalence: float = 0.0
    max_findings: int | None = None
    workers: int | None = None
    on_progress: ProgressReport = silent

    def population(self) -> list[Image]:
        """Return the images of the population, patient after patient."""
        return population_images(
            self.seed, self.images, min_prevalence=self.min_prevalence, max_findings=self.max_findings
        )

    def draw(self, population: Sequence[Image], draw: Callable[[Image], Made]) -> list[Made]:
        """Call `draw` for every image; see `draw_images`."""
        return draw_images(population, draw, workers=self.workers, on_progress=self.on_progress)


@contextmanager
def new_data_set(root: Path, *, images: int, size: int, seed: int) -> Iterator[Path]:
    """Check a request and yield a temporary folder to fill; it becomes `root` if the block succeeds.

    It contains a hidden file with the population of its patients.

    Raises:
        HilumError: `images` or `size` is too small, or `root` is not empty.
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
    """Call `draw` for every image, in several processes if there are many.

    Rendering is a long sequence of small NumPy steps that hold Python's lock, so that threads do not help.

    Args:
        population: N images.
        draw: Function that writes the image's file and returns ground truth, such as its boxes. No other side effects.
        workers: Largest number of processes; default: number of processors.
        on_progress: Called after every image, in order.

    Returns:
        Results of `draw`, N, in the order of the images.
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
    """Return the random generator of a patient or an image under one layout, independent of the phantom's own."""
    return generator(seed, f"{layout} {name}", _USE)


def permuted_block(seed: int, layout: str, patient: int, block: Sequence[str]) -> str:
    """Return the part of a data set that a patient belongs to, by permuted blocks.

    Args:
        seed: Random seed of the population.
        layout: Name of the layout; the parts of a patient in different layouts are independent.
        patient: Number of the patient, from 1.
        block: Parts, such as seven times "train", once "val" and twice "test": each run of ten patients then has
            exactly these, in random order, so that few patients suffice.
    """
    number, place = divmod(patient - 1, len(block))
    order = draws(seed, layout, f"block {number}").permutation(len(block))
    return block[int(order[place])]


def manifest_of(
    rows: Sequence[Mapping[str, object]], findings: Sequence[str], lists: Sequence[str] = ()
) -> pl.DataFrame:
    """Convert the ground truth to a manifest, with its columns and types.

    Args:
        rows: One for each image; missing values are null.
        findings: Canonical names, in the order of the columns.
        lists: Names of further columns `split_<name>`.
    """
    schema: dict[str, type[pl.DataType]] = dict.fromkeys((*FIXED_COLUMNS, *lists), pl.String)
    schema |= {"age": pl.Float64} | dict.fromkeys(findings, pl.Int8)
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def box_table(rows: Iterable[BoxRow]) -> pl.DataFrame:
    """Return a table of boxes."""
    return pl.DataFrame(list(rows), _boxes(), orient="row")


def box_table_with_readers(rows: Iterable[tuple[BoxRow, str | None]]) -> pl.DataFrame:
    """Return a table of boxes of several readers: each with its reader, None for a consensus."""
    return pl.DataFrame([(*box, reader) for box, reader in rows], {**_boxes(), "reader": pl.String}, orient="row")


def reading_table(rows: Iterable[tuple[str, str, str, int]]) -> pl.DataFrame:
    """Return a table of readings, from image_id, reader, finding, code."""
    schema = {"image_id": pl.String, "reader": pl.String, "finding": pl.String, "code": pl.Int8}
    return pl.DataFrame(list(rows), schema, orient="row")


def _boxes() -> dict[str, type[pl.DataType]]:
    numbers = dict.fromkeys(("x", "y", "width", "height"), pl.Float64)
    return {"image_id": pl.String, "finding": pl.String, **numbers, "frame_width": pl.Int32, "frame_height": pl.Int32}
