"""What a stored value means on the screen: one table of gray values for every value that a pixel can hold.

A radiograph has at most 2^16 different stored values, so everything that the standard does to a pixel is done once to
each of them, by pydicom, and the picture is looked up. The order is the standard's (PS3.3 C.7.6.3, C.11.1, C.11.2):

    stored bits     BitsStored bits below HighBit, unsigned or two's complement; what stands above (old files keep
                    overlays there) is cut
    modality        Modality LUT, or rescale slope and intercept
    values of       unless the whole range is asked for: the first VOI LUT, else the first window with its function
    interest        (LINEAR, LINEAR_EXACT, SIGMOID; LINEAR where none is named)
    black, white    MONOCHROME1 is turned round, so that dense is white

What comes out is counted from the lowest value that the header allows: a 12-bit detector gives 0 to 4,095, signed or
not. A range of fewer than 256 or more than 65,536 levels is stretched over 8 bits (BitsStored up to 8) or 16.
Presentation LUTs, overlays and graphics are left alone.
"""

from typing import Any, Literal, TypeAlias

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_rescale, apply_voi_lut

from hilum.data.dicom_parsing import transfer_syntax
from hilum.data.pixels import Gray, look_up

Window: TypeAlias = Literal["header", "full"]
"""`header`: the first VOI LUT or window of the file, where it has one; `full`: the whole range of stored values."""


def shown(dataset: pydicom.Dataset, stored: NDArray[Any], window: Window) -> Gray:
    """Gray values of a picture in MONOCHROME1 or MONOCHROME2.

    Padding (PixelPaddingValue up to PixelPaddingRangeLimit, PS3.3 C.7.5.1.1.2) takes the darkest gray value of the rest
    of the film, so that it neither widens the range nor shines where MONOCHROME1 is turned round.

    Args:
        dataset: with the header's image pixel, modality and VOI elements.
        stored: (H, W), 8 or 16 bits a pixel, as the file holds them.
        window: see `Window`.

    Raises:
        ValueError and others: values that contradict each other.
    """
    words = stored.view(np.uint8 if stored.dtype.itemsize == 1 else np.uint16)
    values = _stored_values(dataset, 8 * words.dtype.itemsize)
    table = _gray_values(dataset, values, window)
    film: Gray = look_up(table, words)
    padding = _padding(dataset, values)
    if padding is not None:
        padded = look_up(padding, words)
        if 0 < np.count_nonzero(padded) < padded.size:
            film[padded] = film[~padded].min()
    return film


def _stored_values(dataset: pydicom.Dataset, allocated: int) -> NDArray[np.int32]:
    """The value that each word of so many bits stands for, (2^allocated,)."""
    bits = int(dataset.BitsStored)
    if not 1 <= bits <= allocated:
        raise ValueError(f"{bits} bits stored in {allocated}")
    # Compressed pixels start at the lowest bit, wherever they stood before (PS3.5 8.2).
    unused = 0 if transfer_syntax(dataset).is_encapsulated else int(dataset.get("HighBit", bits - 1)) + 1 - bits
    if not 0 <= unused <= allocated - bits:
        raise ValueError("a high bit outside of the pixel")
    values: NDArray[np.int32] = np.arange(2**allocated, dtype=np.int32) >> unused & 2**bits - 1
    if _signed(dataset):
        values -= values >> bits - 1 << bits
    return values


def _gray_values(dataset: pydicom.Dataset, values: NDArray[np.int32], window: Window) -> Gray:
    shown = np.asarray(apply_rescale(values, dataset))
    low, high = _range_after_modality(dataset)
    if window == "header" and (dataset.get("VOILUTSequence") or _has_window(dataset)):
        shown = np.asarray(apply_voi_lut(shown, dataset)).astype(np.float64)
        if dataset.get("VOILUTSequence"):
            low, high = 0.0, _highest_of_table(dataset.VOILUTSequence)
        elif float(dataset.get("RescaleSlope", 1)) < 0:
            shown = low + high - shown  # pydicom counts down where the slope does; a window always counts up
    shown = shown.astype(np.float64)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        shown = low + high - shown
    shown -= low
    levels = high - low
    if not 255 <= levels <= 65_535:
        stretched = 255.0 if int(dataset.BitsStored) <= 8 else 65_535.0
        shown *= stretched / levels
        levels = stretched
    shown = np.clip(np.rint(shown), 0, levels)
    return shown.astype(np.uint8) if levels <= 255 else shown.astype(np.uint16)


def _range_after_modality(dataset: pydicom.Dataset) -> tuple[float, float]:
    """The lowest and highest value that the modality transform of this header can give."""
    if dataset.get("ModalityLUTSequence"):
        return 0.0, _highest_of_table(dataset.ModalityLUTSequence)
    bits = int(dataset.BitsStored)
    ends = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if _signed(dataset) else (0, 2**bits - 1)
    if "RescaleSlope" in dataset and "RescaleIntercept" in dataset:
        slope, intercept = float(dataset.RescaleSlope), float(dataset.RescaleIntercept)
        if slope == 0 or not np.isfinite([slope, intercept]).all():
            raise ValueError("a rescale slope of 0")
        first, last = (slope * end + intercept for end in ends)
        return min(first, last), max(first, last)
    return float(ends[0]), float(ends[1])


def _padding(dataset: pydicom.Dataset, values: NDArray[np.int32]) -> NDArray[np.bool_] | None:
    """Which words are padding; None where the header names none."""
    if dataset.get("PixelPaddingValue") is None:
        return None
    ends = [int(dataset.PixelPaddingValue), int(dataset.get("PixelPaddingRangeLimit") or dataset.PixelPaddingValue)]
    padding: NDArray[np.bool_] = (values >= min(ends)) & (values <= max(ends))
    return padding


def _highest_of_table(sequence: Any) -> float:
    return 2.0 ** int(sequence[0].LUTDescriptor[2]) - 1


def _has_window(dataset: pydicom.Dataset) -> bool:
    return dataset.get("WindowCenter") is not None and dataset.get("WindowWidth") is not None


def _signed(dataset: pydicom.Dataset) -> bool:
    return bool(dataset.get("PixelRepresentation"))
