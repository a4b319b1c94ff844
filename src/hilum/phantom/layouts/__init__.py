"""Generated images in native layouts: one module a data set, so that the reader of the real one takes both."""

from importlib import import_module
from pathlib import Path

from hilum.errors import HilumError
from hilum.phantom.layouts.writing import Writer, Written
from hilum.progress import ProgressReport, silent

__all__ = ["LAYOUTS", "Written", "write_layout"]

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


def write_layout(
    name: str,
    root: Path,
    *,
    images: int,
    size: int,
    seed: int,
    workers: int | None = None,
    on_progress: ProgressReport = silent,
) -> Written:
    """Write generated images as a data set is distributed; whole or not at all. See `Writer`.

    Raises:
        HilumError: no such layout, `images` or `size` too small, or something lies in `root`.
    """
    if name not in LAYOUTS:
        raise HilumError("layout", expected=f"one of {', '.join(LAYOUTS)}", found=repr(name), fix="Use one of these.")
    # Each layout has its own module, and most runs need only one of them.
    write: Writer = import_module(f"hilum.phantom.layouts.{name}").write
    return write(root, images=images, size=size, seed=seed, workers=workers, on_progress=on_progress)
