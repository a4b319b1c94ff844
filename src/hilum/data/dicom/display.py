"""Conversion of stored values to gray values, by one lookup table for all values that a pixel can have.

A radiograph has at most 2^16 different stored values. Every step of the standard is therefore applied once to each
value, and the image is looked up. The order is the standard's (PS3.3 C.7.6.3, C.11.1, C.11.2):

    stored bits     BitsStored bits below HighBit, unsigned or two's complement; see `hilum.data.dicom.values`
    modality        Modality LUT, or rescale slope and intercept
    values of       unless the full range is requested: the first VOI LUT, else the first window with its function
    interest        (LINEAR, LINEAR_EXACT, SIGMOID; default LINEAR); invalid ones are skipped
    black, white    MONOCHROME1 is inverted, so that dense is white

Gray values start at the lowest value that the header allows: a 12-bit detector gives 0 to 4,095, signed or not. A range
of fewer than 256 or more than 65,536 levels is scaled to 8 bits (BitsStored up to 8) or 16. Presentation LUTs, overlays
and graphics are ignored. `DisplaySteps` are those of a header, for objects that repeat it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRBigEndian

from hilum.data.dicom.elements import ElementError, decimal, named, whole
from hilum.data.dicom.orientation import turn_of
from hilum.data.dicom.parsing import parse, transfer_syntax
from hilum.data.dicom.tags import IMAGE_TAGS
from hilum.data.dicom.values import StoredValues, Words, stored_values
from hilum.data.dicom.windows import DisplayWindow, LookupTable, lookup_table, values_of_interest
from hilum.data.images import Remark, Turn
from hilum.data.images.gray import Gray, UnreadableImage, look_up

Window: TypeAlias = Literal["header", "full"]
"""`header`: the first VOI LUT or window of the file, if it has one; `full`: the full range of stored values."""


@dataclass(frozen=True)
class DisplaySteps:
    """Steps that `hilum.data.dicom.display` applies to the values of a file, and its orientation.

    Attributes:
        rows, columns: Size of the stored image, pixels.
        meaning: PhotometricInterpretation (0028,0004).
        turn: Turn that makes the image upright.
        modality: Modality LUT, or rescale slope and intercept; None without either.
        interest: VOI LUT or window; None if none can be applied.
    """

    rows: int
    columns: int
    meaning: str
    turn: Turn
    modality: LookupTable | tuple[float, float] | None
    interest: LookupTable | DisplayWindow | None


def read_display(path: Path) -> DisplaySteps:
    """Read the display steps of a radiograph's header.

    Args:
        path: Path of a file that `hilum.data.dicom.read_dicom` can read.

    Raises:
        UnreadableImage: A broken file, or values that contradict each other.
    """
    header = parse(path, IMAGE_TAGS, path, pixels=False)
    try:
        bits, signed = whole(header, "BitsStored"), whole(header, "PixelRepresentation", 0) == 1
        big_endian = is_big_endian(header)
        lowest, highest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        modality: LookupTable | tuple[float, float] | None = None
        if sequence := header.get("ModalityLUTSequence"):
            modality = lookup_table(sequence[0], signed=signed, big_endian=big_endian)
            lowest = 0
        else:
            slope, intercept = decimal(header, "RescaleSlope"), decimal(header, "RescaleIntercept")
            if slope is not None and intercept is not None:
                modality = (slope, intercept)
                lowest = int(min(slope * end + intercept for end in (lowest, highest)))
        interest, _ = values_of_interest(header, signed=lowest < 0, big_endian=big_endian)
        return DisplaySteps(
            rows=whole(header, "Rows"),
            columns=whole(header, "Columns"),
            meaning=str(header.get("PhotometricInterpretation", "")).strip(" \0").upper(),
            turn=turn_of(header),
            modality=modality,
            interest=interest,
        )
    except (ElementError, OverflowError) as error:
        raise UnreadableImage(path, reason="a header that contradicts itself") from error


def to_gray(dataset: pydicom.Dataset, stored: NDArray[Any], window: Window) -> tuple[Gray, list[Remark]]:
    """Convert an image in MONOCHROME1 or MONOCHROME2 to gray values; return them and remarks.

    Padding (PixelPaddingValue up to PixelPaddingRangeLimit, PS3.3 C.7.5.1.1.2) gets the darkest gray value of the rest
    of the image, so that it neither widens the range nor becomes white by the inversion of MONOCHROME1.

    Args:
        dataset: Data set with the header's image pixel, modality and VOI elements.
        stored: (H, W), 8 or 16 bits per pixel, as stored in the file.
        window: See `Window`.

    Raises:
        ElementError: Values that contradict each other.
    """
    words: Words = stored.view(np.uint8) if stored.dtype.itemsize == 1 else stored.view(np.uint16)
    meant = stored_values(dataset, words)
    table, remarks = _gray_values(dataset, meant, window)
    image: Gray = look_up(table, words)
    used = meant.present & ~meant.padding
    if used.any():
        shown = table[used]
        if meant.padding[meant.present].any():
            image[look_up(meant.padding, words)] = shown.min()
        if window == "header" and len(np.unique(meant.values[used])) > 1 and shown.min() == shown.max():
            remarks.append(Remark.WINDOW_BESIDE_VALUES)
    return image, [*meant.remarks, *remarks]


def _gray_values(dataset: pydicom.Dataset, meant: StoredValues, window: Window) -> tuple[Gray, list[Remark]]:
    gray, low, high, remarks = _after_modality(dataset, meant)
    if window == "header":
        interest, left_out = values_of_interest(dataset, signed=low < 0, big_endian=is_big_endian(dataset))
        remarks += [Remark.WINDOW_IMPOSSIBLE] if left_out else []
        if isinstance(interest, LookupTable):
            gray, low, high = interest.apply(gray), 0.0, interest.highest
        elif interest is not None:
            gray = interest.apply(gray, low, high)
    if str(dataset.PhotometricInterpretation).strip(" \0").upper() == "MONOCHROME1":
        gray = low + high - gray
    gray = gray - low
    levels = high - low
    if not 255 <= levels <= 65_535:
        stretched = 255.0 if meant.bits <= 8 else 65_535.0
        gray *= stretched / levels
        levels = stretched
    gray = np.clip(np.rint(gray), 0, levels)
    return gray.astype(np.uint8) if levels <= 255 else gray.astype(np.uint16), remarks


def is_big_endian(dataset: pydicom.Dataset) -> bool:
    """Return true for files with the highest byte first."""
    return transfer_syntax(dataset) == ExplicitVRBigEndian


def _after_modality(
    dataset: pydicom.Dataset, meant: StoredValues
) -> tuple[NDArray[np.float64], float, float, list[Remark]]:
    """Return every value after the modality transform, and the lowest and highest possible value of the transform."""
    if sequence := dataset.get("ModalityLUTSequence"):
        table = lookup_table(sequence[0], signed=meant.signed, big_endian=is_big_endian(dataset))
        return table.apply(meant.values), 0.0, table.highest, []
    slope, intercept = decimal(dataset, "RescaleSlope"), decimal(dataset, "RescaleIntercept")
    remarks = []
    if slope is None or intercept is None:  # the standard requires both or neither
        remarks = [Remark.INCOMPLETE_RESCALE] if slope not in (None, 1) or intercept not in (None, 0) else []
        slope, intercept = 1.0, 0.0
    if slope == 0:
        raise ElementError(f"{named('RescaleSlope')} is 0")
    first, last = (slope * end + intercept for end in meant.ends)
    if not np.isfinite([first, last, abs(last - first)]).all():
        raise ElementError(f"{named('RescaleSlope')} and {named('RescaleIntercept')} exceed the range of numbers")
    if first == last:
        raise ElementError(f"{named('RescaleSlope')} maps all values to one")
    return meant.values.astype(np.float64) * slope + intercept, min(first, last), max(first, last), remarks
