"""Reading of DICOM radiographs: header, and upright pixels with the intended gray scale.

Only the elements of `hilum.data.dicom.tags` are read. Several frames, objects other than CR and DX radiographs (and
secondary captures of them), and pixels without a decoder are refused with a reason.
"""

from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.config import IGNORE
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)

from hilum.data.dicom.codecs import DecodingError, decode, surplus_of
from hilum.data.dicom.display import Window, to_gray
from hilum.data.dicom.elements import REQUIRED, ElementError, missing, named, whole
from hilum.data.dicom.orientation import turn_of
from hilum.data.dicom.parsing import parse, transfer_syntax
from hilum.data.dicom.tags import HEADER_TAGS, IMAGE_TAGS, MODALITIES, OVERLAYS, VIEWS
from hilum.data.dicom.window_check import may_miss_all_values
from hilum.data.dicom.windows import window_of
from hilum.data.images import Remark, in_order, without_decoder_warnings
from hilum.data.images.gray import Gray, UnreadableImage, check_size
from hilum.data.tables.ages import PER_YEAR

_RADIOGRAPHS = (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
)
_MODALITIES = ("CR", "DX", "RG")
_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
_IN_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT")


@dataclass(frozen=True)
class DicomHeader:
    """Header of a radiograph; None for missing or invalid values.

    Attributes:
        patient_id: PatientID (0010,0020).
        study_id: StudyInstanceUID (0020,000D).
        view: ViewPosition (0018,5101), such as "PA"; one of `hilum.data.dicom.tags.VIEWS`.
        age: PatientAge (0010,1010) in years; "062Y", "18M", "6W", "10D" or a bare number of years.
        sex: PatientSex (0010,0040), "F" or "M".
        pixel_spacing: PixelSpacing (0028,0030): mm between rows and between columns of the upright image, in the
            patient if it is calibrated (PS3.3 10.7.1.3).
        imager_pixel_spacing: ImagerPixelSpacing (0018,1164): the same at the detector.
        remarks: Deviations visible in the header, and windows outside of all pixel values
            (`hilum.data.dicom.window_check`); decoding may find more.
        rows, columns: Size of the stored image, pixels.
        turned: True if decoding turns or mirrors the image; boxes drawn on the stored pixels then do not fit.
    """

    patient_id: str | None = None
    study_id: str | None = None
    view: str | None = None
    age: float | None = None
    sex: str | None = None
    pixel_spacing: tuple[float, float] | None = None
    imager_pixel_spacing: tuple[float, float] | None = None
    remarks: tuple[Remark, ...] = ()
    rows: int | None = None
    columns: int | None = None
    turned: bool = False


def read_header(path: Path, content: bytes | None = None) -> DicomHeader:
    """Read the header of a DICOM radiograph without its pixels.

    Args:
        path: Path of the file.
        content: Bytes of the file, if they are in memory; the path is then for the message only.

    Raises:
        UnreadableImage: Not a DICOM file, a broken one, without or with several images, or not a radiograph.
    """
    try:
        header = parse(path if content is None else content, HEADER_TAGS, path, pixels=False)
    except OSError as error:
        raise UnreadableImage(path, reason=(error.strerror or "unreadable").lower()) from error
    _check_kind(header, path)
    turn = turn_of(header)
    view, sex = _term(header, "ViewPosition"), _term(header, "PatientSex")
    remarks = [*_remarks_of(header), *([Remark.WINDOW_IMPOSSIBLE] if window_of(header)[1] else [])]
    if may_miss_all_values(header, path, content):
        remarks += _window_beside_values(path, content)
    return DicomHeader(
        patient_id=_text(header, "PatientID"),
        study_id=_uid(header, "StudyInstanceUID"),
        view=view if view in VIEWS else None,
        age=_years(_text(header, "PatientAge")),
        sex=sex if sex in ("F", "M") else None,
        pixel_spacing=_spacing(header, "PixelSpacing", swapped=turn.swap),
        imager_pixel_spacing=_spacing(header, "ImagerPixelSpacing", swapped=turn.swap),
        remarks=in_order(remarks),
        rows=int(header.Rows),
        columns=int(header.Columns),
        turned=bool(turn),
    )


def _window_beside_values(path: Path, content: bytes | None) -> list[Remark]:
    """Return the remark on a window outside of all values, if the pixels confirm it; read errors are reported later."""
    try:
        _, met = read_dicom(path.read_bytes() if content is None else content, path)
    except (UnreadableImage, OSError):
        return []
    return [remark for remark in met if remark is Remark.WINDOW_BESIDE_VALUES]


def read_dicom(content: bytes, path: Path, window: Window = "header") -> tuple[Gray, tuple[Remark, ...]]:
    """Decode a single-frame DICOM radiograph.

    Stored values become gray values as in `hilum.data.dicom.display`, and the image is turned upright as in
    `hilum.data.dicom.orientation`.

    Args:
        content: Bytes of the file.
        path: Path for the message.
        window: "header": apply the file's first VOI LUT or window, if it has one; "full": use the full range of stored
            values and ignore the window.

    Returns:
        (H, W), or (H, W, 3) for a file in colour; and the remarks on header and pixels.

    Raises:
        UnreadableImage: Broken, several frames, not a radiograph, no pixels, or a transfer syntax without a decoder.
    """
    dataset = parse(content, (*IMAGE_TAGS, *OVERLAYS), path, pixels=True)
    _check_kind(dataset, path)
    meaning = _term(dataset, "PhotometricInterpretation") or ""
    if meaning not in (*_MONOCHROME, *_IN_COLOUR):
        name = meaning if meaning == "PALETTE COLOR" else "unknown colours"
        raise UnreadableImage(path, reason=f"a DICOM image in {name}")
    if dataset.get("BitsAllocated") not in (8, 16) or "PixelData" not in dataset:
        raise UnreadableImage(path, reason="a DICOM file without pixels of 8 or 16 bits")
    remarks = _remarks_of(dataset)
    try:
        with without_decoder_warnings():
            frames, further = surplus_of(dataset)
        if frames:
            reason = f"pixel data of {1 + frames:,} frames, but one in the header"
            raise UnreadableImage(path, expected="one frame", reason=reason)
        stored = decode(dataset)
        if meaning in _MONOCHROME and stored.ndim != 2:
            raise ElementError(f"{named('SamplesPerPixel')} is {stored.shape[2]}, but {meaning} has one")
        with without_decoder_warnings():
            image, met = to_gray(dataset, stored, window) if meaning in _MONOCHROME else (stored, [])
    except UnreadableImage:
        raise
    except (DecodingError, ElementError) as error:
        raise _undecodable(dataset, path, str(error)) from error
    # Values of an untrusted header may contradict each other in any way.
    except Exception as error:
        raise _undecodable(dataset, path, "a header that contradicts itself or its pixels") from error
    remarks += [*met, *([Remark.SURPLUS_PIXEL_DATA] if further else [])]
    return turn_of(dataset).apply(image), in_order(remarks)


def _remarks_of(header: pydicom.FileDataset) -> list[Remark]:
    """Return the remarks on a header's elements of `hilum.data.dicom.tags.DESCRIPTION` and on the file's start."""
    remarks = {
        Remark.SECONDARY_CAPTURE: _class_of(header) == SecondaryCaptureImageStorage,
        Remark.NO_CLASS: _has_no_content(header),
        Remark.BURNED_IN_TEXT: _term(header, "BurnedInAnnotation") == "YES",
        Remark.TURNED: bool(turn_of(header)),
        Remark.NO_PREAMBLE: header.preamble is None,
        Remark.ZERO_FRAMES: whole(header, "NumberOfFrames", 1) == 0,
    }
    return [remark for remark, holds in remarks.items() if holds]


def _check_kind(header: pydicom.Dataset, path: Path) -> None:
    """Refuse objects other than single radiographs, or without a pixel format, before any pixel is read."""
    kind, modality = _class_of(header), _term(header, "Modality")
    captured = kind == SecondaryCaptureImageStorage
    if kind is not None and kind not in _RADIOGRAPHS and not captured:
        raise UnreadableImage(path, reason=f"{kind.name}, not a CR or DX radiograph")
    if modality not in (None, *_MODALITIES) and not (captured and modality in ("OT", "SC")):
        name = f"{modality} ({MODALITIES[modality]})" if modality in MODALITIES else "unknown"
        raise UnreadableImage(path, reason=f"modality {name}, not CR or DX")
    absent = missing(header, REQUIRED)
    if len(absent) == len(REQUIRED):
        raise UnreadableImage(path, reason="a broken DICOM file, or one without an image")
    if absent:
        raise UnreadableImage(path, reason=f"{', '.join(absent)} {'is' if len(absent) == 1 else 'are'} missing")
    try:
        height, width, frames = whole(header, "Rows"), whole(header, "Columns"), whole(header, "NumberOfFrames", 1)
    except ElementError as error:
        raise UnreadableImage(path, reason=str(error)) from error
    check_size(height, width, path)
    if frames not in (0, 1):  # 0 is invalid: the pixels decide, with a remark
        raise UnreadableImage(path, expected="one frame", reason=f"{frames:,} frames")


def _class_of(header: pydicom.Dataset) -> UID | None:
    """Return the SOP class, if it is one of the standard, of the data set or else of the file meta information."""
    for written in (header.get("SOPClassUID"), header.file_meta.get("MediaStorageSOPClassUID")):
        kind = UID(str(written or ""), validation_mode=IGNORE)
        if kind.type == "SOP Class":
            return kind
    return None


def _has_no_content(header: pydicom.Dataset) -> bool:
    return _class_of(header) is None and _term(header, "Modality") is None


def _undecodable(dataset: pydicom.Dataset, path: Path, why: str) -> UnreadableImage:
    return UnreadableImage(path, reason=f"undecodable DICOM ({_name(transfer_syntax(dataset))}): {why}")


def _name(syntax: UID) -> str:
    return syntax.name if syntax.is_transfer_syntax and syntax.name != syntax else "unknown transfer syntax"


def _text(header: pydicom.Dataset, keyword: str) -> str | None:
    value = header.get(keyword)
    return str(value).strip() or None if value is not None else None


def _term(header: pydicom.Dataset, keyword: str) -> str | None:
    text = _text(header, keyword)
    return text.upper() if text else None


def _uid(header: pydicom.Dataset, keyword: str) -> str | None:
    text = _text(header, keyword)
    return text if text and len(text) <= 64 and set(text) <= set("0123456789.") else None


def _spacing(header: pydicom.Dataset, keyword: str, *, swapped: bool) -> tuple[float, float] | None:
    try:
        rows, columns = (float(value) for value in header[keyword].value)
    except (KeyError, TypeError, ValueError):
        return None
    if not (0 < rows < 100 and 0 < columns < 100):
        return None
    return (columns, rows) if swapped else (rows, columns)


def _years(age: str | None) -> float | None:
    if age is None:
        return None
    number, unit = (age[:-1], age[-1].upper()) if age[-1].isalpha() else (age, "Y")
    per_year = PER_YEAR.get(unit)
    years = float(number) / per_year if per_year and number.isdigit() and len(number) < 6 else None
    return years if years is not None and years <= 120 else None
