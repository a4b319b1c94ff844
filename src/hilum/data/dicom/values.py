"""Numbers that the words of a pixel stand for: stored bits, sign, padding, and bits that no header element explains.

A pixel has BitsStored bits up to HighBit. Other bits of its word are cut: below HighBit always, above it if they repeat
the sign, if the header declares an overlay in them (60xx,0100 and 0102), if the words are padding, or if there is a gap
between them and the values, as in overlays of old files. Unexplained bits directly above HighBit are part of the
values: to cut them would make the brightest pixels dark.
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
    """Meaning of every word of 8 or 16 bits in one image; M is 2^8 or 2^16.

    Attributes:
        values: (M,), number for each word.
        bits: Number of bits of a value: BitsStored, or more if values use more.
        signed: True for two's complement.
        present: (M,), true for words that occur in the image.
        padding: (M,), true for words that are padding.
        remarks: Deviations that were handled.
    """

    values: NDArray[np.int32]
    bits: int
    signed: bool
    present: NDArray[np.bool_]
    padding: NDArray[np.bool_]
    remarks: tuple[Remark, ...] = ()

    @property
    def ends(self) -> tuple[int, int]:
        """Lowest and highest value of this number of bits."""
        return (-(2 ** (self.bits - 1)), 2 ** (self.bits - 1) - 1) if self.signed else (0, 2**self.bits - 1)


def stored_values(dataset: pydicom.Dataset, words: Words) -> StoredValues:
    """Determine the meaning of the words of an image.

    Args:
        dataset: Data set with the header's image pixel elements, and overlays.
        words: (H, W), unsigned, as stored in the file.

    Raises:
        ElementError: More bits than the words have.
    """
    allocated = 8 * words.itemsize
    bits, signed = whole(dataset, "BitsStored"), whole(dataset, "PixelRepresentation") != 0
    if not 1 <= bits <= allocated:
        raise ElementError(f"{named('BitsStored')} is {bits}, in words of {allocated} bits")
    # Compressed pixels start at the lowest bit, whatever HighBit is (PS3.5 8.2).
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
    """Return the number of bits of the values: `bits`, more if they use more, 0 if the bits above are not part of them.

    Args:
        words: Words that occur and are not padding, without the bits of declared overlays.
        allocated: Bits of a word.
        low_bit: Lowest bit of a value.
        bits: BitsStored.
        signed: True for two's complement.
        overlays: True with declared overlays; the sign then does not extend through them.
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
        # A sign extended through the word is part of the value.
        numbers = _with_sign(words, allocated - low_bit)
        needed = 1 + max(int(numbers.max()), int(-1 - numbers.min())).bit_length()
        if needed <= bits:
            return bits
    return needed if above & 1 else 0


def _overlay_bits(dataset: pydicom.Dataset) -> int:
    """Return a mask of the bits that the header declares as overlay (PS3.3 C.9.2, retired; PS3.5 8.1.2)."""
    declared = 0
    for tag in OVERLAYS:
        position = tag | 0x0002
        if tag & 0xFFFF == 0x0100 and tag in dataset and position in dataset:
            try:
                allocated, place = int(dataset[tag].value), int(dataset[position].value)
            except (TypeError, ValueError):
                continue
            if allocated > 1 and 0 <= place < 16:  # planes of one bit are in an element of their own
                declared |= 1 << place
    return declared


def _precision(dataset: pydicom.Dataset) -> int:
    """Return the precision of a JPEG 2000 stream, bits; 0 for other streams."""
    if transfer_syntax(dataset) not in JPEG2000TransferSyntaxes:
        return 0
    return int(get_j2k_parameters(get_frame(dataset.PixelData, 0, number_of_frames=1)).get("precision", 0))


def _padding(
    dataset: pydicom.Dataset, values: NDArray[np.int32], low_bit: int, bits: int, overlays: int, *, signed: bool
) -> NDArray[np.bool_]:
    """Return for each word if it is padding.

    Padding elements are stored as signed or unsigned numbers (VR "US or SS") whatever the pixels are; their bits are
    interpreted like the pixels'. Words with bits above BitsStored that are not an overlay are compared as a whole,
    because padding may be outside of the range of values.
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
    if isinstance(value, bytes):  # of an undecided VR
        value = int.from_bytes(value[:2], "little")
    try:
        word = int(value) & 0xFFFF
    except (TypeError, ValueError) as error:
        raise ElementError(f"{named(keyword)} is no whole number") from error
    if not signed:
        return word
    if 1 << bits - 1 <= word < 1 << bits:  # a negative value without sign extension
        return word - (1 << bits)
    return word - 0x10000 if word >= 0x8000 else word
