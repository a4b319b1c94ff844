"""Values of DICOM elements: there or not, numbers or not; and what is wrong with them, named by keyword and tag.

An element of zero length is as if it were absent (PS3.5 7.4.5), `hilum.data.dicom.parsing` takes it out. A value of 0
is a value like any other.
"""

import math
from collections.abc import Iterable

import pydicom
from pydicom.datadict import tag_for_keyword

REQUIRED = (
    *("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation"),
    *("BitsAllocated", "BitsStored", "PixelRepresentation"),
)
"""What every image must say of its pixels (PS3.3 C.7.6.3); HighBit follows from BitsStored where it is missing."""


class ElementError(ValueError):
    """A header that cannot be followed; the message names elements and quotes no value of theirs but numbers."""


def named(keyword: str) -> str:
    """An element as messages name it: "BitsStored (0028,0101)"."""
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return f"{keyword} ({tag >> 16:04X},{tag & 0xFFFF:04X})"


def missing(dataset: pydicom.Dataset, keywords: Iterable[str]) -> list[str]:
    """Those of some elements that are not here, as `named`."""
    return [named(keyword) for keyword in keywords if keyword not in dataset]


def whole(dataset: pydicom.Dataset, keyword: str, default: int | None = None) -> int:
    """The one whole number of an element.

    Raises:
        ElementError: it is missing and there is no default, or its value is none.
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
    """The numbers of a decimal string, in their order: None for a blank one, NaN for what is no number.

    Infinite numbers stay infinite. Nothing where the element is absent.
    """
    if keyword not in dataset:
        return []
    return [_decimal(text) for text in str(dataset[keyword].value).split("\\")]


def decimal(dataset: pydicom.Dataset, keyword: str) -> float | None:
    """The one finite number of a decimal string; None where the element is absent.

    Raises:
        ElementError: it is no finite number.
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
