"""What a user should know of an image that is read all the same: one code for each, and what it means.

The codes stand in tables (`remarks` of a store, of the doctor's images); the words stand in notes and pages.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Remark(StrEnum):
    """A code of something that was met in an image file and dealt with."""

    SECONDARY_CAPTURE = "secondary_capture"
    NO_CLASS = "no_class"
    BURNED_IN_TEXT = "burned_in_text"
    TURNED = "turned"
    EXIF_TURNED = "exif_turned"
    NO_PREAMBLE = "no_preamble"
    ZERO_FRAMES = "zero_frames"
    SURPLUS_PIXEL_DATA = "surplus_pixel_data"
    BITS_ABOVE_STORED = "bits_above_stored"
    UNDECLARED_OVERLAY = "undeclared_overlay"
    INCOMPLETE_RESCALE = "incomplete_rescale"
    WINDOW_IMPOSSIBLE = "window_impossible"
    WINDOW_BESIDE_VALUES = "window_beside_values"

    @property
    def description(self) -> str:
        """What was met, in words that many files share and that quote none of them."""
        return _ABOUT[self].description

    @property
    def fix(self) -> str:
        """What a user can do about it."""
        return _ABOUT[self].fix

    @property
    def is_warning(self) -> bool:
        """Whether gray values may be other than they were meant; otherwise it is good to know."""
        return _ABOUT[self].is_warning


class _About(NamedTuple):
    description: str
    fix: str
    is_warning: bool = False


_ABOUT = {
    Remark.SECONDARY_CAPTURE: _About(
        "a secondary capture: levels may have been lost, look at it", "Get the original images where they exist."
    ),
    Remark.NO_CLASS: _About(
        "names neither its modality nor its class: taken for a radiograph", "Look at them with `hilum preview`."
    ),
    Remark.BURNED_IN_TEXT: _About(
        "says that text is burnt into the pixels, which may name the patient", "Look at them before sharing anything."
    ),
    Remark.TURNED: _About(
        "stored turned or mirrored, and turned upright here", "Boxes drawn on the stored pixels do not land."
    ),
    Remark.EXIF_TURNED: _About(
        "has an EXIF orientation, and is turned or mirrored here as it says",
        "Boxes drawn on the stored pixels do not land.",
    ),
    Remark.NO_PREAMBLE: _About(
        "a DICOM file without preamble, read from its first element", "Export them as DICOM files (PS3.10)."
    ),
    Remark.ZERO_FRAMES: _About(
        "counts 0 frames and holds one, which is read", "Correct NumberOfFrames (0028,0008) to 1."
    ),
    Remark.SURPLUS_PIXEL_DATA: _About(
        "pixel data longer than one frame: the rest is left out",
        "Compare Rows and Columns with the images in a DICOM viewer.",
        is_warning=True,
    ),
    Remark.BITS_ABOVE_STORED: _About(
        "values use bits above BitsStored (0028,0101): they are taken as values",
        "Correct BitsStored, or look at the images with `hilum preview`.",
        is_warning=True,
    ),
    Remark.UNDECLARED_OVERLAY: _About(
        "bits apart from BitsStored (0028,0101) are in use, as by an overlay that is not declared: they are cut",
        "Look at the images with `hilum preview`.",
        is_warning=True,
    ),
    Remark.INCOMPLETE_RESCALE: _About(
        "RescaleSlope (0028,1053) or RescaleIntercept (0028,1052) stands alone: it is left out",
        "Add the other one, or preprocess with `window: full`.",
        is_warning=True,
    ),
    Remark.WINDOW_IMPOSSIBLE: _About(
        "a window or VOI LUT that cannot be: it is left out",
        "Correct it, or preprocess all images with `window: full`.",
        is_warning=True,
    ),
    Remark.WINDOW_BESIDE_VALUES: _About(
        "a window beside all values: the image is one even gray",
        "Preprocess with `window: full`, which leaves windows out, or correct WindowCenter (0028,1050).",
        is_warning=True,
    ),
}


def in_order(remarks: Iterable[Remark]) -> tuple[Remark, ...]:
    """Each remark once, in the order of `Remark`."""
    met = set(remarks)
    return tuple(remark for remark in Remark if remark in met)


def count_notes(counts: dict[Remark, int]) -> list[str]:
    """A note for each remark, with how many files it holds of; what is a warning says what to do.

    Args:
        counts: of files by remark.
    """
    notes = []
    for remark in Remark:
        if count := counts.get(remark, 0):
            kind = "JPEG or PNG files" if remark is Remark.EXIF_TURNED else "DICOM files"
            fix = f". {remark.fix}" if remark.is_warning else ""
            notes.append(f"{count:,} {kind}: {remark.description}{fix}")
    return notes
