"""Gray pixels: type, limits, and the error of an unreadable image."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.data.paths import printable
from hilum.errors import HilumError

MAX_PIXELS = 100_000_000
"""Largest number of pixels; an image of 17 x 17 inches at 0.1 mm has 19 million."""
_ROWS_AT_A_TIME = 64

Gray = NDArray[np.uint8] | NDArray[np.uint16]


class UnreadableImage(HilumError):  # noqa: N818 - it is counted, seldom shown to a user
    """File without a readable radiograph; `reason` is written to `rejected.parquet`."""

    def __init__(self, path: Path, *, expected: str = "a gray PNG, JPEG or DICOM radiograph", reason: str) -> None:
        self.reason = reason
        super().__init__(printable(str(path)), expected=expected, found=reason, fix="Replace the file or remove it.")


def check_size(height: int, width: int, path: Path) -> None:
    """Refuse an image whose header states more pixels than any radiograph has, before memory is allocated."""
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise UnreadableImage(path, reason=f"{height:,} x {width:,} pixels; 1 to {MAX_PIXELS:,} are allowed")


def look_up(table: NDArray[Any], image: NDArray[Any]) -> NDArray[Any]:
    """Return `table[image]` for a large image, some rows at a time, because an index takes 8 bytes for each pixel."""
    found = np.empty(image.shape, dtype=table.dtype)
    for first in range(0, len(image), _ROWS_AT_A_TIME):
        found[first : first + _ROWS_AT_A_TIME] = table[image[first : first + _ROWS_AT_A_TIME]]
    return found
