"""Gray pixels: their type, their limits, and the error of an image that cannot be read."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.data.paths import printable
from hilum.errors import HilumError

MAX_PIXELS = 100_000_000
"""An image of 17 x 17 inches at 0.1 mm has 19 million."""


_ROWS_AT_A_TIME = 64


Gray = NDArray[np.uint8] | NDArray[np.uint16]


class UnreadableImage(HilumError):  # noqa: N818 - it is set aside and counted, seldom raised at a user
    """A file that holds no radiograph that can be read; `reason` is what goes into `rejected.parquet`."""

    def __init__(self, path: Path, *, expected: str = "a gray PNG, JPEG or DICOM radiograph", reason: str) -> None:
        self.reason = reason
        super().__init__(printable(str(path)), expected=expected, found=reason, fix="Replace the file or take it out.")


def check_size(height: int, width: int, path: Path) -> None:
    """Refuse an image whose header promises more pixels than any radiograph has, before memory is taken for it."""
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise UnreadableImage(path, reason=f"{height:,} x {width:,} pixels; 1 to {MAX_PIXELS:,} are allowed")


def look_up(table: NDArray[Any], image: NDArray[Any]) -> NDArray[Any]:
    """`table[image]` of a large image, some rows at a time: an index takes 8 bytes a pixel."""
    found = np.empty(image.shape, dtype=table.dtype)
    for first in range(0, len(image), _ROWS_AT_A_TIME):
        found[first : first + _ROWS_AT_A_TIME] = table[image[first : first + _ROWS_AT_A_TIME]]
    return found
