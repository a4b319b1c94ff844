"""Generated data sets in native layouts, one module each, readable by the reader of the real data set."""

from importlib import import_module
from pathlib import Path

from hilum.errors import HilumError
from hilum.phantom.layouts.writing import GeneratedDataset, Request, new_data_set
from hilum.progress import ProgressReport, silent

__all__ = ["LAYOUTS", "GeneratedDataset", "write_layout"]

LAYOUTS: tuple[str, ...] = (
    "chestxray14",
    "chexpert",
    "mimic_cxr_jpg",
    "padchest",
    "uka_cxr",
    "vindr_cxr",
    "vinbigdata",
    "rsna_pneumonia",
    "kermany",
    "tbx11k",
    "gb7_flg",
    "folder",
)
"""Native layouts, and a folder of own images with a table of labels.

Each is a module of this package with a function `write(folder, request)`, which fills a folder.
"""
OF_A_POPULATION = frozenset({"chestxray14", "chexpert", "folder", "mimic_cxr_jpg", "padchest", "rsna_pneumonia"})
"""Layouts with all images of a population."""
BY_CLASS = frozenset({"kermany", "tbx11k", "gb7_flg"})
"""Layouts with about equally many images of each of their few classes."""


def write_layout(
    name: str,
    root: str | Path,
    *,
    images: int,
    size: int,
    seed: int,
    min_prevalence: float = 0.0,
    max_findings: int | None = None,
    workers: int | None = None,
    on_progress: ProgressReport = silent,
) -> GeneratedDataset:
    """Write generated images as a data set is distributed; complete, or not at all.

    Args:
        name: One of `LAYOUTS`.
        root: Output folder; missing or empty, because folders of real images look the same.
        images: Number of images, at least 1. The images of a smaller number are the first of a larger one.
        size: Side of the images, pixels (longer side of images that are not square), at least 16.
        seed: Random seed; an image is a function of (seed, its name, size).
        min_prevalence: Fraction of images, 0 to 0.5, to which the prevalence of every rarer finding is raised, so that
            a few hundred images hold some of each; ignored by layouts of `BY_CLASS`, which select images by class.
        max_findings: Largest number of findings of an image, the most severe; only for layouts of `OF_A_POPULATION`.
        workers: Largest number of processes; default: number of processors. The files do not depend on it.
        on_progress: Called after every image.

    Raises:
        HilumError: Unknown layout, `max_findings` for another layout, too small `images` or `size`, or a `root` that is
            not empty.
    """
    if name not in LAYOUTS:
        raise HilumError("layout", expected=f"one of {', '.join(LAYOUTS)}", found=repr(name), fix="Use one of these.")
    # Each layout has its own module; most runs import only one of them.
    write = import_module(f"hilum.phantom.layouts.{name}").write
    if max_findings is not None and name not in OF_A_POPULATION:
        expected = f"one of {', '.join(sorted(OF_A_POPULATION))}"
        raise HilumError("layout with max_findings", expected=expected, found=name, fix="Remove max_findings.")
    request = Request(images, size, seed, min_prevalence, max_findings, workers, on_progress)
    with new_data_set(Path(root), images=images, size=size, seed=seed) as beside:
        made: GeneratedDataset = write(beside, request)
    return made
