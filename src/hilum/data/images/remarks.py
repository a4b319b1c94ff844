"""Remarks on images that were read despite a deviation: codes, descriptions and advice.

Tables hold the codes (`remarks` of a store, of the doctor's images); notes and pages show the texts.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from hilum.notes import Code, Note, note


class Remark(StrEnum):
    """Code of a deviation in an image file that was handled."""

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
        """Text for many files, without quotes from them."""
        return _ABOUT[self].description

    @property
    def fix(self) -> str:
        """Advice for the user."""
        return _ABOUT[self].fix

    @property
    def is_warning(self) -> bool:
        """True if gray values may be wrong; false for mere information."""
        return _ABOUT[self].is_warning


class _About(NamedTuple):
    description: str
    fix: str
    is_warning: bool = False


_ABOUT = {
    Remark.SECONDARY_CAPTURE: _About(
        "a secondary capture: gray levels may have been lost", "Get the original images where they exist."
    ),
    Remark.NO_CLASS: _About(
        "has neither modality nor SOP class: read as a radiograph", "Look at them with `hilum preview`."
    ),
    Remark.BURNED_IN_TEXT: _About(
        "states burnt-in text, which may name the patient", "Look at them before sharing anything."
    ),
    Remark.TURNED: _About(
        "stored turned or mirrored, and turned upright", "Boxes drawn on the stored pixels do not fit."
    ),
    Remark.EXIF_TURNED: _About(
        "has an EXIF orientation, which was applied",
        "Boxes drawn on the stored pixels do not fit.",
    ),
    Remark.NO_PREAMBLE: _About(
        "a DICOM file without preamble, read from its first element", "Export them as DICOM files (PS3.10)."
    ),
    Remark.ZERO_FRAMES: _About(
        "states 0 frames and contains one, which is read", "Correct NumberOfFrames (0028,0008) to 1."
    ),
    Remark.SURPLUS_PIXEL_DATA: _About(
        "pixel data longer than one frame: the rest is ignored",
        "Compare Rows and Columns with the images in a DICOM viewer.",
        is_warning=True,
    ),
    Remark.BITS_ABOVE_STORED: _About(
        "values use bits above BitsStored (0028,0101): they are used as values",
        "Correct BitsStored, or look at the images with `hilum preview`.",
        is_warning=True,
    ),
    Remark.UNDECLARED_OVERLAY: _About(
        "bits apart from BitsStored (0028,0101) are used, as by an undeclared overlay: they are cut",
        "Look at the images with `hilum preview`.",
        is_warning=True,
    ),
    Remark.INCOMPLETE_RESCALE: _About(
        "RescaleSlope (0028,1053) or RescaleIntercept (0028,1052) without the other: it is ignored",
        "Add the other one, or preprocess with `window: full`.",
        is_warning=True,
    ),
    Remark.WINDOW_IMPOSSIBLE: _About(
        "an invalid window or VOI LUT: it is ignored",
        "Correct it, or preprocess all images with `window: full`.",
        is_warning=True,
    ),
    Remark.WINDOW_BESIDE_VALUES: _About(
        "a window outside of all values: the image is constant",
        "Preprocess with `window: full`, which ignores windows, or correct WindowCenter (0028,1050).",
        is_warning=True,
    ),
}


def in_order(remarks: Iterable[Remark]) -> tuple[Remark, ...]:
    """Sort remarks in the order of `Remark`, each once."""
    met = set(remarks)
    return tuple(remark for remark in Remark if remark in met)


def count_notes(counts: dict[Remark, int]) -> list[Note]:
    """Return a note for each remark with its number of files, and with advice for warnings.

    Args:
        counts: Number of files by remark.
    """
    notes = []
    for remark in Remark:
        if count := counts.get(remark, 0):
            kind = "JPEG or PNG files" if remark is Remark.EXIF_TURNED else "DICOM files"
            fix = f". {remark.fix}" if remark.is_warning else ""
            about = {"remark": str(remark), "kind": kind, "description": remark.description, "advice": fix}
            notes.append(note(Code.IMAGE_REMARK, files=count, **about))
    return notes
