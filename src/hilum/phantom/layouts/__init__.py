"""Generated images in native layouts: one module a data set, so that the reader of the real one takes both."""

from importlib import import_module
from pathlib import Path

from hilum.errors import HilumError
from hilum.phantom.layouts.writing import GeneratedDataset
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
)
"""Native layouts that can be written: each is a module of this package with a function `write`, a `Writer`."""
OF_A_POPULATION = frozenset({"chestxray14", "chexpert", "mimic_cxr_jpg", "padchest", "rsna_pneumonia"})
"""Layouts that hold all images of a population."""
BY_CLASS = frozenset({"kermany", "tbx11k", "gb7_flg"})
"""Layouts with about as many images of each of their few classes."""


def write_layout(
    name: str,
    root: Path,
    *,
    images: int,
    size: int,
    seed: int,
    min_prevalence: float = 0.0,
    max_findings: int | None = None,
    workers: int | None = None,
    on_progress: ProgressReport = silent,
) -> GeneratedDataset:
    """Write generated images as a data set is distributed; whole or not at all. See `Writer`.

    Args:
        name: of `LAYOUTS`.
        root: the folder to make.
        images, size, seed, workers, on_progress: see `Writer`.
        min_prevalence: share of images, 0 to 0.5, to which every rarer finding of the population is raised, so that a
            few hundred images hold some of each; layouts of `BY_CLASS` choose their images by class and take no notice.
        max_findings: so many of an image's findings stay, the most severe; of layouts of `OF_A_POPULATION`.

    Raises:
        HilumError: no such layout, or it does not take `max_findings`; `images` or `size` too small, or something lies
            in `root`.
    """
    if name not in LAYOUTS:
        raise HilumError("layout", expected=f"one of {', '.join(LAYOUTS)}", found=repr(name), fix="Use one of these.")
    # Each layout has its own module, and most runs need only one of them.
    write = import_module(f"hilum.phantom.layouts.{name}").write
    if max_findings is not None and name not in OF_A_POPULATION:
        expected = f"one of {', '.join(sorted(OF_A_POPULATION))}"
        raise HilumError("layout with max_findings", expected=expected, found=name, fix="Leave out max_findings.")
    raised: dict[str, float] = {} if name in BY_CLASS or not min_prevalence else {"min_prevalence": min_prevalence}
    if max_findings is not None:
        raised["max_findings"] = max_findings
    made: GeneratedDataset = write(
        root, images=images, size=size, seed=seed, workers=workers, on_progress=on_progress, **raised
    )
    return made
