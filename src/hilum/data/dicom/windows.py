"""Values of interest: the first valid VOI LUT or window of a header, and its application.

A window with a blank, invalid or infinite centre or width, with a width that its function does not allow, or with an
unknown function, and a VOI LUT without its table, are invalid: the next one is used, or none. Blank ones count as
absent; the others are reported (`Remark.WINDOW_IMPOSSIBLE`).
"""

import math
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_windowing

from hilum.data.dicom.elements import ElementError, decimals, missing

_MIN_WIDTH = {"LINEAR": 1.0, "LINEAR_EXACT": 0.0, "SIGMOID": 0.0}  # LINEAR: 1 or more, the others: more than 0
_LUT = ("LUTDescriptor", "LUTData")


@dataclass(frozen=True)
class LookupTable:
    """Modality or VOI LUT (PS3.3 C.11.1.1.1, C.11.2.1.1).

    Attributes:
        entries: Output values.
        first: Input value of the first entry; values outside of the table get the first or the last entry.
        highest: 2^bits - 1, the largest possible entry.
    """

    entries: NDArray[np.float64]
    first: int
    highest: float

    def apply(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Look up the entry of each value; any shape."""
        # pydicom's own look-up overflows where values have more bits than entries (pydicom 3.0, apply_voi).
        places = np.clip(np.rint(values) - self.first, 0, len(self.entries) - 1).astype(np.int64)
        found: NDArray[np.float64] = self.entries[places]
        return found


@dataclass(frozen=True)
class DisplayWindow:
    """Valid window: centre, width and function of PS3.3 C.11.2.1.2 and C.11.2.1.3."""

    center: float
    width: float
    function: str

    def apply(self, values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
        """Map values to `low` (at and below the window) up to `high` (above it); any shape."""
        unsigned = pydicom.Dataset()
        unsigned.PhotometricInterpretation, unsigned.VOILUTFunction = "MONOCHROME2", self.function
        unsigned.PixelRepresentation, unsigned.BitsStored = 0, 1  # pydicom's range: 0 to 1
        # As numbers, not as the original text: pydicom checks if text is short enough to be written.
        unsigned.add_new("WindowCenter", "FD", self.center)
        unsigned.add_new("WindowWidth", "FD", self.width)
        with np.errstate(over="ignore"):  # far from a sigmoid's centre
            spread: NDArray[np.float64] = apply_windowing(values, unsigned)
        return low + spread * (high - low)


def values_of_interest(
    dataset: pydicom.Dataset, *, signed: bool, big_endian: bool = False
) -> tuple[LookupTable | DisplayWindow | None, bool]:
    """Return the first valid VOI LUT, else the first valid window.

    Args:
        dataset: Data set with the header's VOI elements.
        signed: True if the values that it is applied to can be negative.
        big_endian: Byte order of tables.

    Returns:
        LUT or window, or None; and true if an invalid one was skipped.
    """
    left_out = False
    for item in dataset.get("VOILUTSequence", ()):
        if not missing(item, _LUT):
            try:
                return lookup_table(item, signed=signed, big_endian=big_endian), left_out
            except ElementError:
                left_out = True
    window, impossible = window_of(dataset)
    return window, left_out or impossible


def window_of(dataset: pydicom.Dataset) -> tuple[DisplayWindow | None, bool]:
    """Return the first valid window, and true if an invalid one was skipped."""
    function = str(dataset.get("VOILUTFunction", "LINEAR")).strip(" \0").upper()
    impossible = False
    for center, width in zip_longest(decimals(dataset, "WindowCenter"), decimals(dataset, "WindowWidth")):
        if center is None or width is None:
            continue
        if math.isfinite(center) and math.isfinite(width) and _is_allowed(width, function):
            return DisplayWindow(center, width, function), impossible
        impossible = True
    return None, impossible


def lookup_table(item: pydicom.Dataset, *, signed: bool, big_endian: bool = False) -> LookupTable:
    """Parse an item of a Modality or VOI LUT sequence.

    Args:
        item: LUT Descriptor and LUT Data.
        signed: True if the values that it is applied to can be negative. The descriptor is interpreted accordingly:
            its numbers are stored as signed or unsigned ones whatever the values are (VR "US or SS").
        big_endian: Byte order of LUT Data.

    Raises:
        ElementError: One of them is missing, or they contradict each other.
    """
    if absent := missing(item, _LUT):
        raise ElementError(f"a lookup table without {' and '.join(absent)}")
    words = _words(item["LUTDescriptor"].value, big_endian)
    if len(words) != 3:
        raise ElementError("a lookup table whose descriptor is not three numbers")
    count, first, bits = words
    count = count or 2**16
    first -= 2**16 if signed and first >= 2**15 else 0
    if not 1 <= bits <= 16:
        raise ElementError(f"a lookup table of {bits} bits")
    entries = _entries(item["LUTData"].value, count, big_endian)
    return LookupTable(np.minimum(entries, 2**bits - 1).astype(np.float64), first, 2.0**bits - 1)


def _is_allowed(width: float, function: str) -> bool:
    least = _MIN_WIDTH.get(function)
    return least is not None and (width >= least if function == "LINEAR" else width > least)


def _words(value: Any, big_endian: bool) -> list[int]:
    """Return unsigned 16-bit numbers of a value that pydicom may have unpacked."""
    if isinstance(value, bytes):
        return [
            int(number) for number in np.frombuffer(value[: len(value) // 2 * 2], dtype=">u2" if big_endian else "<u2")
        ]
    try:
        return [int(number) & 0xFFFF for number in (value if hasattr(value, "__len__") else [value])]
    except (TypeError, ValueError) as error:
        raise ElementError("a lookup table that is not made of numbers") from error


def _entries(value: Any, count: int, big_endian: bool) -> NDArray[np.uint16]:
    if isinstance(value, bytes) and len(value) in (count, count + 1):  # entries of 8 bits, two in a word
        return np.frombuffer(value, dtype=np.uint8, count=count).astype(np.uint16)
    words = np.asarray(_words(value, big_endian), dtype=np.uint16)
    if len(words) < count:
        raise ElementError(f"a lookup table of {len(words):,} entries instead of {count:,}")
    return words[:count]
