"""Measurements of an image: size, gray levels, bars at the edges, and hashes."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.artifacts import file_sha256
from hilum.data.duplicates import thumbnail
from hilum.data.images.gray import Gray, UnreadableImage
from hilum.data.pixels import read_image

_BAR_LEVELS = 8 / 255  # of the image's range: JPEG noise on black and white
_BAR_FRACTION = 0.995  # of the pixels of a line that must be black, or white


@dataclass(frozen=True)
class Image:
    """Measurements of a decoded image. Gray values and their deviations are fractions of the range of its bits.

    Attributes:
        kind: Kind of the file: "png", "jpeg" or "dicom".
        height, width: Pixels.
        bits: 8 or 16.
        low, high: Minimum and maximum.
        mean, deviation: Mean and standard deviation.
        levels: Number of different values.
        black, white: Fraction of the pixels with the minimum and the maximum.
        clipped: Fraction of the pixels in the middle (three fifths of the height and width) with the maximum; frames
            and collimators are mostly outside of it.
        top, bottom, left, right: Fraction of the height or width that is a constant black or white bar.
        file_sha256: SHA-256 of the file.
        pixel_sha256: SHA-256 of the decoded pixels, their size and type.
        remarks: Codes of `hilum.data.images.remarks.Remark` from decoding, separated by blanks.
    """

    kind: str
    height: int
    width: int
    bits: int
    low: float
    high: float
    mean: float
    deviation: float
    levels: int
    black: float
    white: float
    clipped: float
    top: float
    bottom: float
    left: float
    right: float
    file_sha256: str
    pixel_sha256: str
    remarks: str = ""


def measure(path: Path) -> tuple[Image, NDArray[np.uint8]]:
    """Decode and measure an image.

    Returns:
        Measurements, and the thumbnail, (64, 64).

    Raises:
        UnreadableImage: See `hilum.data.pixels.read_image`.
    """
    image = read_image(path)
    try:
        file_hash = file_sha256(path)
    except OSError as error:  # deleted since it was read
        raise UnreadableImage(path, reason=(error.strerror or "unreadable").lower()) from error
    described = replace(describe(image.pixels, image.kind, file_hash), remarks=" ".join(image.remarks))
    return described, thumbnail(image.pixels)


def describe(gray: Gray, kind: str = "", file_hash: str = "") -> Image:
    """Measure decoded pixels.

    Args:
        gray: (H, W), uint8 or uint16.
        kind: Kind of the file.
        file_hash: SHA-256 of the file.
    """
    gray = cast(Gray, np.ascontiguousarray(gray))
    top_value = int(np.iinfo(gray.dtype).max)
    counts = cv2.calcHist([gray], [0], None, [top_value + 1], [0, top_value + 1]).ravel().astype(np.float64)
    values = np.flatnonzero(counts)
    shares = counts[values] / gray.size
    mean = float(shares @ values)
    spread = float(np.sqrt(shares @ (values - mean) ** 2))
    top, bottom, left, right = bars(gray)
    height, width = gray.shape
    return Image(
        kind=kind,
        height=height,
        width=width,
        bits=8 * gray.dtype.itemsize,
        low=float(values[0]) / top_value,
        high=float(values[-1]) / top_value,
        mean=mean / top_value,
        deviation=spread / top_value,
        levels=len(values),
        black=float(shares[0]),
        white=float(shares[-1]),
        clipped=float((_middle(gray) == values[-1]).mean()),
        top=top,
        bottom=bottom,
        left=left,
        right=right,
        file_sha256=file_hash,
        pixel_sha256=_pixel_sha256(gray),
    )


def bars(gray: Gray) -> tuple[float, float, float, float]:
    """Return constant black or white bars at the top, bottom, left and right; fractions of the height or width.

    Black and white are the image's own minimum and maximum. A constant image is all bar: (1, 0, 1, 0).
    """
    low, high = int(gray.min()), int(gray.max())
    span = max(high - low, 1)
    dark, bright = (
        (gray >= lower) & (gray <= upper)
        for lower, upper in ((low, low + span * _BAR_LEVELS), (high - span * _BAR_LEVELS, high))
    )
    found = []
    for axis, size in ((1, gray.shape[0]), (0, gray.shape[1])):
        even = np.maximum(dark.mean(axis=axis), bright.mean(axis=axis)) >= _BAR_FRACTION
        first = size if even.all() else int(np.argmin(even))
        last = 0 if even.all() else int(np.argmin(even[::-1]))
        found += [first / size, last / size]
    return found[0], found[1], found[2], found[3]


def _middle(gray: Gray) -> Gray:
    rows, columns = (slice(size // 5, size - size // 5) for size in gray.shape)
    return gray[rows, columns]


def _pixel_sha256(gray: Gray) -> str:
    digest = hashlib.sha256(f"{gray.shape} {gray.dtype.name}".encode())
    digest.update(gray.data)
    return digest.hexdigest()
