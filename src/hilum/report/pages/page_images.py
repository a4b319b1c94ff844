"""Images of data sets for the pages of `hilum doctor` and `hilum label-issues`."""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.images.gray import UnreadableImage
from hilum.data.paths import leads_inside
from hilum.data.pixels import read_gray
from hilum.data.preprocess import eight_bits


class PageImages:
    """Images of one data set by their ids, as 8-bit gray values.

    Args:
        manifest: Table with `image_id` and `path`.
        root: Folder of the paths.
    """

    def __init__(self, manifest: pl.DataFrame, root: Path) -> None:
        self.root = root
        self.paths: dict[str, str] = dict(manifest.select("image_id", "path").drop_nulls().iter_rows())

    def __call__(self, image_id: str) -> NDArray[np.uint8] | None:
        """Read an image; None if it is unknown, unreadable, or its path leads out of the folder."""
        if image_id not in self.paths or not leads_inside(self.root / self.paths[image_id], self.root.resolve()):
            return None
        try:
            return eight_bits(read_gray(self.root / self.paths[image_id]))
        except UnreadableImage:
            return None
