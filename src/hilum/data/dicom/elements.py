"""Values of DICOM elements, and errors that name elements by keyword and tag.

An element of zero length counts as absent (PS3.5 7.4.5); `hilum.data.dicom.parsing` removes it. A value of 0 is valid.
"""

import math
from collections.abc import Iterable

import pydicom
from pydicom.datadict import tag_for_keyword

REQUIRED = (
    *("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation"),
    *("BitsAllocated", "BitsStored", "PixelRepresentation"),
)
"""Elements that every image needs for its pixels (PS3.3 C.7.6.3); HighBit follows from BitsStored if it is missing."""


class ElementError(ValueError):
    """Error of an invalid header; the message names elements and quotes no values except numbers."""


def named(keyword: str) -> str:
    """Return the name of an element for messages: "BitsStored (0028,0101)"."""
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return f"{keyword} ({tag >> 16:04X},{tag & 0xFFFF:04X})"


def missing(dataset: pydicom.Dataset, keywords: Iterable[str]) -> list[str]:
    """Return the names (`named`) of missing elements."""
    return [named(keyword) for keyword in keywords if keyword not in dataset]


def whole(dataset: pydicom.Dataset, keyword: str, default: int | None = None) -> int:
    """Return the single integer of an element.

    Raises:
        ElementError: It is missing without a default, or not an integer.
    """
    if keyword not in dataset:
        if default is None:
            raise ElementError(f"{named(keyword)} is missing")
        return default
    try:
        return int(dataset[keyword].value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ElementError(f"{named(keyword)} is no whole number") from error


def decimals(dataset: pydicom.Dataset, keyword: str) -> list[float | None]:
    """Return the numbers of a decimal string: None for a blank one, NaN for invalid text.

    Infinite numbers stay infinite. The list is empty for a missing element.
    """
    if keyword not in dataset:
        return []
    return [_decimal(text) for text in str(dataset[keyword].value).split("\\")]


def decimal(dataset: pydicom.Dataset, keyword: str) -> float | None:
    """Return the single finite number of a decimal string; None for a missing element.

    Raises:
        ElementError: It is not a finite number.
    """
    values = decimals(dataset, keyword)
    if not values:
        return None
    if len(values) > 1 or values[0] is None or not math.isfinite(values[0]):
        raise ElementError(f"{named(keyword)} is no number")
    return values[0]


def _decimal(text: str) -> float | None:
    text = text.strip(" \0")
    try:
        return float(text) if text and "_" not in text else None if not text else math.nan
    except ValueError:
        return math.nan
