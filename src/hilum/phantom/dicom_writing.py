"""Writing of generated images as DICOM files, with encodings of real archives."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
    generate_uid,
)

_BY_GDCM = {JPEG2000Lossless: "JPEG2000Lossless", JPEGLosslessSV1: "JPEGLosslessProcess14_1"}
_QUALITY = 92  # of JPEG baseline, about that of RSNA's files


@dataclass(frozen=True)
class Encoding:
    """Encoding of pixels in a DICOM file.

    Attributes:
        syntax: Transfer syntax: explicit or implicit little endian, RLE, JPEG 2000 lossless, JPEG lossless (process 14,
            first-order prediction), or JPEG baseline (8 bits, lossy).
        bits: Stored bits, 8 to 16; the range of values is 0 to 2^bits - 1.
        inverted: MONOCHROME1, low values are bright; otherwise MONOCHROME2.
        rescale: Slope and intercept, if the header has them.
        window: Centre and width after the rescale, if the header has them.
    """

    syntax: UID
    bits: int
    inverted: bool = False
    rescale: tuple[float, float] | None = None
    window: tuple[float, float] | None = None


PLAIN = ExplicitVRLittleEndian
LOSSLESS: tuple[Encoding, ...] = (
    Encoding(JPEG2000Lossless, 12),
    Encoding(JPEGLosslessSV1, 14, inverted=True),
    Encoding(PLAIN, 12, window=(2048.0, 4096.0)),
    Encoding(RLELossless, 16),
    Encoding(ImplicitVRLittleEndian, 10, inverted=True, rescale=(1.0, 0.0)),
    Encoding(JPEG2000Lossless, 16, inverted=True),
    Encoding(JPEGLosslessSV1, 12, rescale=(2.0, -1024.0)),
    Encoding(PLAIN, 14, inverted=True, window=(8192.0, 16384.0)),
)
"""Typical encodings of a hospital's archive. Their windows include every stored value."""


def write_dicom(
    path: Path,
    pixels: NDArray[np.uint8] | NDArray[np.uint16],
    encoding: Encoding,
    *,
    kind: UID,
    name: str,
    header: Mapping[str, Any],
) -> None:
    """Write an image as DICOM file.

    Args:
        path: Output file.
        pixels: (rows, columns), dense structures bright, 0 to 2^bits - 1.
        encoding: Encoding of the pixels.
        kind: SOP class, such as Digital X-Ray Image Storage - For Presentation.
        name: Unique name of the image, from which UIDs are generated.
        header: Further elements by keyword.
    """
    most = 2**encoding.bits - 1
    stored = most - pixels if encoding.inverted else pixels
    stored = stored.astype(np.uint8 if encoding.bits == 8 else np.uint16)
    by_gdcm = _BY_GDCM.get(encoding.syntax)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = PLAIN if by_gdcm or encoding.syntax == RLELossless else encoding.syntax
    meta.MediaStorageSOPClassUID = kind
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[name, "instance"])
    file = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    file.SOPClassUID, file.SOPInstanceUID = kind, meta.MediaStorageSOPInstanceUID
    file.StudyInstanceUID = generate_uid(entropy_srcs=[name, "study"])
    file.SeriesInstanceUID = generate_uid(entropy_srcs=[name, "series"])
    for keyword, value in header.items():
        # As in real files, some values do not conform to the standard.
        element = DataElement(keyword, dictionary_VR(keyword), value, validation_mode=IGNORE)
        file.add(element)
    file.Rows, file.Columns = stored.shape
    file.SamplesPerPixel, file.PixelRepresentation = 1, 0
    file.PhotometricInterpretation = "MONOCHROME1" if encoding.inverted else "MONOCHROME2"
    file.BitsAllocated = 8 * stored.itemsize
    file.BitsStored, file.HighBit = encoding.bits, encoding.bits - 1
    if encoding.rescale is not None:
        file.RescaleSlope, file.RescaleIntercept = encoding.rescale
        file.RescaleType = "US"
    if encoding.window is not None:
        file.WindowCenter, file.WindowWidth = encoding.window
    if encoding.syntax == JPEGBaseline8Bit:
        file.PixelData = encapsulate([_jpeg(stored)])
        file["PixelData"].VR = "OB"
        file.LossyImageCompression = "01"
    else:
        file.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
        file["PixelData"].VR = "OB" if stored.itemsize == 1 else "OW"
    if encoding.syntax == RLELossless:
        file.compress(RLELossless, generate_instance_uid=False)
    file.save_as(path, enforce_file_format=True)
    if by_gdcm:
        # GDCM's writer adds its own elements and ids: only its pixels are used.
        _recode(path, by_gdcm)
        meta.TransferSyntaxUID = encoding.syntax
        file.PixelData = pydicom.dcmread(path).PixelData
        file["PixelData"].VR, file["PixelData"].is_undefined_length = "OB", True
        file.save_as(path, enforce_file_format=True)


def _jpeg(stored: NDArray[Any]) -> bytes:
    packed = io.BytesIO()
    Image.fromarray(stored).save(packed, "JPEG", quality=_QUALITY)
    return packed.getvalue()


def _recode(path: Path, syntax: str) -> None:
    """Rewrite a file in a transfer syntax of GDCM's naming."""
    gdcm: Any = import_module("gdcm")
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(path))
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax)))
    written = reader.Read()
    if written:
        change.SetInput(reader.GetImage())
        written = change.Change()
    if written:
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.SetFileName(str(path))
        written = writer.Write()
    if not written:
        raise OSError(f"{path}: GDCM cannot write these pixels as {syntax}")
