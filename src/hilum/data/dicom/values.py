"""Which number each word of a pixel stands for: stored bits, sign, padding; and bits that no header explains.

A pixel has BitsStored bits up to HighBit. Other bits of its word are cut: below HighBit always, above it where they
repeat the sign, where the header declares an overlay in them (60xx,0100 and 0102), where the words are padding, or
where they stand apart from the values, as the overlays of old files do. Bits right above HighBit that nothing explains
are values that BitsStored does not count: they are taken as such, for cutting them would make the brightest pixels
dark.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.encaps import get_frame
from pydicom.pixels.utils import get_j2k_parameters
from pydicom.uid import JPEG2000TransferSyntaxes

from hilum.data.dicom.elements import ElementError, named, whole
from hilum.data.dicom.parsing import transfer_syntax
from hilum.data.dicom.tags import OVERLAYS
from hilum.data.images import Remark

Words = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True)
class StoredValues:
    """What every word of 8 or 16 bits means in one image; M is 2^8 or 2^16.

    Attributes:
        values: (M,), the number that each word stands for.
        bits: of a value; BitsStored, or more where values use more.
        signed: whether values are two's complement.
        present: (M,), which words the image holds.
        padding: (M,), which words are padding.
        remarks: what was met.
    """

    values: NDArray[np.int32]
    bits: int
    signed: bool
    present: NDArray[np.bool_]
    padding: NDArray[np.bool_]
    remarks: tuple[Remark, ...] = ()

    @property
    def ends(self) -> tuple[int, int]:
        """The lowest and the highest value that so many bits can hold."""
        return (-(2 ** (self.bits - 1)), 2 ** (self.bits - 1) - 1) if self.signed else (0, 2**self.bits - 1)


def stored_values(dataset: pydicom.Dataset, words: Words) -> StoredValues:
    """Find out what the words of an image mean.

    Args:
        dataset: with the header's image pixel elements, and overlays.
        words: (H, W), unsigned, as the file holds them.

    Raises:
        ElementError: more bits than there is room for.
    """
    allocated = 8 * words.itemsize
    bits, signed = whole(dataset, "BitsStored"), whole(dataset, "PixelRepresentation") != 0
    if not 1 <= bits <= allocated:
        raise ElementError(f"{named('BitsStored')} is {bits}, in words of {allocated} bits")
    # Compressed pixels start at the lowest bit, wherever they stood before (PS3.5 8.2).
    encapsulated = transfer_syntax(dataset).is_encapsulated
    low_bit = 0 if encapsulated else whole(dataset, "HighBit", bits - 1) + 1 - bits
    if not 0 <= low_bit <= allocated - bits:
        raise ElementError(f"{named('HighBit')} is {low_bit + bits - 1}, outside of the {bits} of {allocated} bits")
    counts = cv2.calcHist([np.ascontiguousarray(words)], [0], None, [2**allocated], [0, 2**allocated])
    present: NDArray[np.bool_] = counts.ravel() > 0
    overlays = _overlay_bits(dataset)
    values = _values(allocated, low_bit, bits, signed=signed)
    padding = _padding(dataset, values, low_bit, bits, overlays, signed=signed)
    used = np.flatnonzero(present & ~padding)
    more = _bits_in_use(used & ~overlays, allocated, low_bit, bits, signed=signed, overlays=bool(overlays))
    if more == bits:
        return StoredValues(values, bits, signed, present, padding)
    if more < bits:
        padding = _padding(dataset, values, low_bit, bits, 2**allocated - 1, signed=signed)
        return StoredValues(values, bits, signed, present, padding, (Remark.UNDECLARED_OVERLAY,))
    more = min(max(more, _precision(dataset) if encapsulated else 0), allocated - low_bit)
    values = _values(allocated, low_bit, more, signed=signed)
    padding = _padding(dataset, values, low_bit, more, overlays, signed=signed)
    return StoredValues(values, more, signed, present, padding, (Remark.BITS_ABOVE_STORED,))


def _values(allocated: int, low_bit: int, bits: int, *, signed: bool) -> NDArray[np.int32]:
    values: NDArray[np.int32] = np.arange(2**allocated, dtype=np.int32) >> low_bit & 2**bits - 1
    return _with_sign(values, bits) if signed else values


def _with_sign(values: NDArray[Any], bits: int) -> NDArray[Any]:
    signed: NDArray[Any] = values - (values >> bits - 1 << bits)
    return signed


def _bits_in_use(
    words: NDArray[np.int64], allocated: int, low_bit: int, bits: int, *, signed: bool, overlays: bool
) -> int:
    """How many bits the values have: `bits`, more where they use more, 0 where the bits above are no part of them.

    Args:
        words: those that are present and no padding, without the bits of declared overlays.
        allocated: bits of a word.
        low_bit: lowest bit of a value.
        bits: BitsStored.
        signed: whether values are two's complement.
        overlays: whether there are declared ones; no sign is carried on through them.
    """
    words = words >> low_bit
    above = int(np.bitwise_or.reduce(words, initial=0)) >> bits
    if not above:
        return bits
    needed = bits + above.bit_length()
    if signed and overlays:
        carried = np.where(words >> (bits - 1) & 1, above, 0)
        if bool((words >> bits == carried).all()):
            return bits
    elif signed:
        # A sign that is carried on through the word belongs to the value; so many bits are needed for the values.
        numbers = _with_sign(words, allocated - low_bit)
        needed = 1 + max(int(numbers.max()), int(-1 - numbers.min())).bit_length()
        if needed <= bits:
            return bits
    return needed if above & 1 else 0


def _overlay_bits(dataset: pydicom.Dataset) -> int:
    """A word of the bits that the header declares to be an overlay (PS3.3 C.9.2, retired; PS3.5 8.1.2)."""
    declared = 0
    for tag in OVERLAYS:
        position = tag | 0x0002
        if tag & 0xFFFF == 0x0100 and tag in dataset and position in dataset:
            try:
                allocated, place = int(dataset[tag].value), int(dataset[position].value)
            except (TypeError, ValueError):
                continue
            if allocated > 1 and 0 <= place < 16:  # planes of one bit lie in an element of their own
                declared |= 1 << place
    return declared


def _precision(dataset: pydicom.Dataset) -> int:
    """Bits that a JPEG 2000 stream says its values have; 0 for others."""
    if transfer_syntax(dataset) not in JPEG2000TransferSyntaxes:
        return 0
    return int(get_j2k_parameters(get_frame(dataset.PixelData, 0, number_of_frames=1)).get("precision", 0))


def _padding(
    dataset: pydicom.Dataset, values: NDArray[np.int32], low_bit: int, bits: int, overlays: int, *, signed: bool
) -> NDArray[np.bool_]:
    """Which words are padding.

    Padding elements are stored as signed or unsigned numbers (VR "US or SS") whatever the pixels are; their bits are
    read as the pixels' are. Words of which BitsStored cuts something that is no overlay are compared as a whole, for
    padding may be a number that no value can be.
    """
    if "PixelPaddingValue" not in dataset:
        return np.zeros(len(values), dtype=np.bool_)
    ends = [_padding_value(dataset, "PixelPaddingValue", bits, signed=signed)]
    if "PixelPaddingRangeLimit" in dataset:
        ends.append(_padding_value(dataset, "PixelPaddingRangeLimit", bits, signed=signed))
    padding: NDArray[np.bool_] = (values >= min(ends)) & (values <= max(ends))
    if low_bit == 0:
        words = np.arange(len(values), dtype=np.int32)
        allocated = len(values).bit_length() - 1
        numbers = _with_sign(words, allocated) if signed else words
        cut = ((words & ~overlays) >> bits != 0) & (numbers != values)
        padding = np.where(cut, (numbers >= min(ends)) & (numbers <= max(ends)), padding)
    return padding


def _padding_value(dataset: pydicom.Dataset, keyword: str, bits: int, *, signed: bool) -> int:
    value = dataset[keyword].value
    if isinstance(value, bytes):  # of a VR that pydicom cannot decide on
        value = int.from_bytes(value[:2], "little")
    try:
        word = int(value) & 0xFFFF
    except (TypeError, ValueError) as error:
        raise ElementError(f"{named(keyword)} is no whole number") from error
    if not signed:
        return word
    if 1 << bits - 1 <= word < 1 << bits:  # the bits of a negative value, its sign not carried on
        return word - (1 << bits)
    return word - 0x10000 if word >= 0x8000 else word
