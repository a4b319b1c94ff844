"""DICOM radiographs: header and pixels, whatever was meant by black and white."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.errors import InvalidDicomError
from pydicom.pixels.processing import apply_rescale, apply_voi_lut

from hilum.data.pixels import Gray, UnreadableImage, check_size

_FAULTS = (InvalidDicomError, OSError, EOFError, ValueError, KeyError, AttributeError, TypeError, NotImplementedError)
_IN_COLOUR = ("RGB", "YBR")


@dataclass(frozen=True)
class DicomHeader:
    """What a header tells about the film; None where it tells nothing.

    Attributes:
        patient_id: PatientID (0010,0020).
        study_id: StudyInstanceUID (0020,000D).
        view: ViewPosition (0018,5101), such as "PA".
        age: PatientAge (0010,1010) in years; "062Y", "18M", "6W", "10D" or a bare number of years.
        sex: PatientSex (0010,0040), "F" or "M".
    """

    patient_id: str | None
    study_id: str | None
    view: str | None
    age: float | None
    sex: str | None


def read_header(path: Path) -> DicomHeader:
    """Read the header of a DICOM file and leave the pixels.

    Raises:
        UnreadableImage: not a DICOM file, a broken one, or one without a picture.
    """
    with _warnings_of_pydicom_aside():
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
            if "Rows" not in header:
                raise UnreadableImage(path, reason="a broken DICOM file, or one without a picture")
            sex = _text(header, "PatientSex")
            return DicomHeader(
                patient_id=_text(header, "PatientID"),
                study_id=_text(header, "StudyInstanceUID"),
                view=_text(header, "ViewPosition"),
                age=_years(_text(header, "PatientAge")),
                sex=sex if sex in ("F", "M") else None,
            )
        except _FAULTS as error:
            raise UnreadableImage(path, reason=f"broken DICOM: {error}") from error


def read_dicom(content: bytes, path: Path) -> Gray:
    """Decode the one frame of a DICOM radiograph.

    Stored values go through the modality rescale or LUT, then through the first VOI window or LUT where the header has
    one (DICOM PS3.3 C.11.1, C.11.2), and MONOCHROME1 is turned round so that dense is white. What comes out is counted
    from the lowest value that the header allows: a 12-bit detector gives 0 to 4,095, signed or not. A range of fewer
    than 256 or more than 65,536 levels is stretched over 8 bits (BitsStored up to 8) or 16.

    Args:
        content: the bytes of the file.
        path: for the message.

    Returns:
        (H, W), or (H, W, 3) where the file is in colour.

    Raises:
        UnreadableImage: broken, several frames, no pixels, or a transfer syntax that needs a decoder Hilum lacks.
    """
    with _warnings_of_pydicom_aside():
        try:
            dataset = pydicom.dcmread(BytesIO(content))
            frames, height, width = int(dataset.get("NumberOfFrames") or 1), int(dataset.Rows), int(dataset.Columns)
        except _FAULTS as error:
            raise UnreadableImage(path, reason=f"broken DICOM header: {_first_line(error)}") from error
        check_size(height, width, path)
        if frames > 1:
            raise UnreadableImage(path, expected="one frame", reason=f"{frames} frames")
        try:
            meaning = str(dataset.PhotometricInterpretation)
            if not meaning.startswith(("MONOCHROME", *_IN_COLOUR)):
                raise UnreadableImage(path, reason=f"a DICOM picture in {meaning}")
            stored = dataset.pixel_array
            if meaning.startswith(_IN_COLOUR):
                return np.asarray(stored, dtype=stored.dtype)
            return _as_shown(dataset, stored)
        except (RuntimeError, *_FAULTS) as error:  # RuntimeError: pydicom has no decoder for it
            syntax = dataset.file_meta.get("TransferSyntaxUID")
            told = f" ({syntax.name})" if syntax else ""
            raise UnreadableImage(path, reason=f"undecodable DICOM{told}: {_first_line(error)}") from error


def _as_shown(dataset: pydicom.Dataset, stored: NDArray[Any]) -> Gray:
    values = np.asarray(apply_voi_lut(apply_rescale(stored, dataset), dataset)).astype(np.float64)
    low, high = _range_of_values(dataset)
    levels = high - low
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        values = low + high - values
    values -= low
    if not 255 <= levels <= 65_535:
        stretched = 255.0 if int(dataset.BitsStored) <= 8 else 65_535.0
        values *= stretched / levels
        levels = stretched
    shown = np.clip(np.rint(values), 0, levels)
    return shown.astype(np.uint8) if levels <= 255 else shown.astype(np.uint16)


def _range_of_values(dataset: pydicom.Dataset) -> tuple[float, float]:
    """The lowest and highest value that can come out of the rescale and window of this header."""
    for sequence in ("VOILUTSequence", "ModalityLUTSequence"):  # the later of the two decides
        if dataset.get(sequence):
            return 0.0, 2.0 ** int(dataset[sequence][0].LUTDescriptor[2]) - 1
    bits = int(dataset.BitsStored)
    ends = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if dataset.PixelRepresentation else (0, 2**bits - 1)
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    if slope == 0:
        raise ValueError("a rescale slope of 0")
    first, last = (slope * end + intercept for end in ends)
    return min(first, last), max(first, last)


def _text(header: pydicom.Dataset, keyword: str) -> str | None:
    value = header.get(keyword)
    return str(value).strip() or None if value is not None else None


def _years(age: str | None) -> float | None:
    if age is None:
        return None
    number, unit = (age[:-1], age[-1].upper()) if age[-1].isalpha() else (age, "Y")
    per_year = {"Y": 1.0, "M": 12.0, "W": 52.18, "D": 365.25}.get(unit)
    years = float(number) / per_year if per_year and number.isdigit() else None
    return years if years is not None and years <= 120 else None


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


_aside = threading.Lock()
_readers: list["warnings.catch_warnings[None]"] = []


@contextmanager
def _warnings_of_pydicom_aside() -> Iterator[None]:
    """Keep pydicom's remarks on untidy but readable headers from anybody's terminal, in any number of threads.

    Filters of warnings belong to the process, not to the thread: the first reader in sets them aside for all, and the
    last one out puts them back.
    """
    with _aside:
        if not _readers:
            catcher = warnings.catch_warnings()
            catcher.__enter__()
            warnings.simplefilter("ignore")
            _readers.append(catcher)
        else:
            _readers.append(_readers[0])
    try:
        yield
    finally:
        with _aside:
            first = _readers.pop()
            if not _readers:
                first.__exit__(None, None, None)
