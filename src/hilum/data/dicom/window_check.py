"""Check for display windows outside of all pixel values, before the pixels are decoded.

Ingesting reads headers only. Their values select the files that are decoded for this check: those whose window is
outside of the range of BitsStored, or of the smallest and largest value in the header, and uncompressed files with a
few values from the middle of some rows all on one side of the window. Only these are decoded, and the pixels decide.
Compressed files whose header has neither value are reported when their pixels are read.
"""

import math
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray

from hilum.data.dicom.elements import ElementError, decimal, decimals, whole
from hilum.data.dicom.parsing import transfer_syntax
from hilum.data.dicom.windows import window_of

_ROWS = (0.3, 0.45, 0.55, 0.7)  # fractions of the height
_VALUES = 64  # from each of these rows


def may_miss_all_values(header: pydicom.Dataset, path: Path, content: bytes | None = None) -> bool:
    """Return true if the first window of a header may be outside of all values of its image; no false negatives.

    Args:
        header: Elements of `hilum.data.dicom.tags.HEADER_TAGS`.
        path: Path of the file.
        content: Bytes of the file, if they are in memory.
    """
    try:
        window, _ = window_of(header)
        if window is None:
            return False
        slope, intercept = decimal(header, "RescaleSlope"), decimal(header, "RescaleIntercept")
        if slope is None or intercept is None:
            slope, intercept = 1.0, 0.0

        bits, signed = whole(header, "BitsStored"), whole(header, "PixelRepresentation") != 0
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        levels = min(max(abs(slope) * (high - low), 255.0), 65_535.0)

        def is_even(values: NDArray[np.float64]) -> bool:
            # values less than a level apart may become equal; and a sigmoid has no end
            return bool(np.ptp(window.apply(values * slope + intercept, 0.0, levels)) < 1)

        named = [decimals(header, f"{end}ImagePixelValue") for end in ("Smallest", "Largest")]
        ends = [each[0] for each in named if each and each[0] is not None and math.isfinite(each[0])]
        if is_even(np.array([low, high], dtype=np.float64)):
            return True
        if len(ends) == 2 and is_even(np.array(ends, dtype=np.float64)):
            return True
        some = _some_values(header, path, content, bits, signed=signed)
        return some is not None and is_even(some)
    except (ElementError, OSError, ValueError, OverflowError):
        return False


def _some_values(
    header: pydicom.Dataset, path: Path, content: bytes | None, bits: int, *, signed: bool
) -> NDArray[np.float64] | None:
    """Return values of an uncompressed image of one channel, (M,); None if they are not available.

    The pixels are assumed to be the last element of the file; if other elements follow, the result is meaningless.
    """
    syntax = transfer_syntax(header)
    if syntax.is_encapsulated or syntax.is_deflated or whole(header, "SamplesPerPixel", 1) != 1:
        return None
    allocated = whole(header, "BitsAllocated")
    if allocated not in (8, 16) or not 1 <= bits <= allocated:
        return None
    rows, columns, size = whole(header, "Rows"), whole(header, "Columns"), allocated // 8
    whole_size = len(content) if content is not None else path.stat().st_size
    first = whole_size - (rows * columns * size + 1) // 2 * 2
    if first < 0:
        return None
    count = min(_VALUES, columns)
    places = [first + (int(row * rows) * columns + (columns - count) // 2) * size for row in _ROWS]
    if content is not None:
        pieces = [content[place : place + count * size] for place in places]
    else:
        with path.open("rb") as stream:
            pieces = []
            for place in places:
                stream.seek(place)
                pieces.append(stream.read(count * size))
    order = ">" if not syntax.is_little_endian else "<"
    words = np.frombuffer(b"".join(pieces), dtype=np.dtype(f"{order}u{size}")).astype(np.int64)
    low_bit = max(0, whole(header, "HighBit", bits - 1) + 1 - bits)
    values = words >> low_bit & (2**bits - 1)
    meant: NDArray[np.float64] = (values - (values >> bits - 1 << bits) if signed else values).astype(np.float64)
    return meant
