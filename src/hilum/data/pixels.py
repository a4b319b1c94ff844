"""Decoding of a radiograph's file, PNG, JPEG or DICOM, into one gray array."""

import stat
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL.Image import DecompressionBombError, Image as PilImage
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from hilum.data.file_kinds import DECODED, START, FileKind, kind_of_bytes
from hilum.data.images import Remark, Turn, may_be_turned, turn_of_image, turn_of_png, without_decoder_warnings
from hilum.data.images.gray import Gray, UnreadableImage, check_size

MAX_DECODED = 400_000_000
"""Largest size of a decoded image, bytes: 100 million pixels of 16 bits in two channels, or of 8 bits in four."""
MAX_BYTES = 500_000_000
"""Largest size of a file, bytes."""
_COLOURED_LEVELS, _COLOURED_FRACTION = 20, 0.02  # of 255 levels; of the pixels


@dataclass(frozen=True)
class DecodedImage:
    """Decoded radiograph.

    Attributes:
        pixels: (H, W), uint8 or uint16, upright.
        kind: Kind of the file.
        remarks: Deviations that were corrected.
    """

    pixels: Gray
    kind: FileKind
    remarks: tuple[Remark, ...] = ()


def kind_of(path: Path) -> FileKind:
    """Recognise a file by its first bytes: `FileKind.PNG`, `JPEG` or `DICOM`.

    Raises:
        UnreadableImage: Another kind of file, or an empty one.
    """
    return decodable_kind(first_bytes(path), path)


def first_bytes(path: Path) -> bytes:
    """Read the bytes that identify the kind of a file.

    Raises:
        UnreadableImage: The file cannot be opened.
    """
    try:
        check_regular(path)
        with path.open("rb") as stream:
            return stream.read(START)
    except (OSError, ValueError) as error:
        raise UnreadableImage(path, reason=_reason(error)) from error


def read_gray(path: Path, window: Literal["header", "full"] = "header") -> Gray:
    """Return the pixels of `read_image`, (H, W), uint8 or uint16."""
    return read_image(path, window).pixels


def read_image(path: Path, window: Literal["header", "full"] = "header") -> DecodedImage:
    """Decode a radiograph.

    PNG and JPEG: one channel as stored, 8 or 16 bits; three or four equal channels become one (alpha is ignored);
    nearly equal channels (at most 2 % of the pixels differ by more than 20 of 255 levels: JPEG noise, a coloured
    mark) become luminance (ITU-R BT.601); the EXIF orientation is applied. DICOM: see
    `hilum.data.dicom.read.read_dicom`.

    Args:
        path: Path of the file.
        window: DICOM window: "header", the file's own if it has one, or "full", none.

    Raises:
        UnreadableImage: Missing, empty, broken, truncated, of another kind, in colour, multi-frame, or too large.
    """
    return decode_image(read_content(path), path, window)


def read_content(path: Path) -> bytes:
    """Read the bytes of a radiograph's file.

    Raises:
        UnreadableImage: Missing, not a regular file, or larger than `MAX_BYTES`.
    """
    try:
        size = check_regular(path)
        if size > MAX_BYTES:
            raise UnreadableImage(path, reason=f"a file of {size:,} bytes; {MAX_BYTES:,} are allowed")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise UnreadableImage(path, reason=_reason(error)) from error


def decode_image(content: bytes, path: Path, window: Literal["header", "full"] = "header") -> DecodedImage:
    """Decode the bytes of a radiograph's file, as `read_image` does.

    Args:
        content: Bytes of a PNG, JPEG or DICOM file.
        path: Path for the message.
        window: DICOM window, as in `read_image`.

    Raises:
        UnreadableImage: As in `read_image`.
    """
    kind = decodable_kind(content[:START], path)
    try:
        if kind is FileKind.DICOM:
            from hilum.data.dicom import read_dicom

            pixels, remarks = read_dicom(content, path, window)
        else:
            with without_decoder_warnings():
                pixels, remarks = (_decode_png if kind is FileKind.PNG else _decode_jpeg)(content, path)
        return DecodedImage(to_one_channel(pixels, path), kind, remarks)
    except UnreadableImage:
        raise
    # Decoders of untrusted bytes may raise anything; only this file fails.
    except Exception as error:
        raise UnreadableImage(path, reason=f"a broken {kind.label} file") from error


def exif_remarks(path: Path) -> tuple[Remark, ...]:
    """Return the remarks on the EXIF data of a PNG or JPEG file; none for an unreadable file."""
    try:
        with without_decoder_warnings(), path.open("rb") as stream:
            kind = kind_of_bytes(stream.read(START))
            stream.seek(0)
            if kind is FileKind.JPEG:
                return _turned(turn_of_image(JpegImageFile(stream)))
            return _turned(turn_of_png(path.read_bytes()) if may_be_turned(stream) else Turn())
    # Decoding reports the error.
    except Exception:  # noqa: BLE001
        return ()


def check_regular(path: Path) -> int:
    """Return the size of a file, bytes; refuse files that would block a reader, such as pipes."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):  # a folder is recognised by opening it
        raise UnreadableImage(path, reason="neither a file nor a folder")
    return status.st_size


def to_one_channel(image: NDArray[Any], path: Path) -> Gray:
    """Return (H, W) unchanged; reduce (H, W, 3 or 4), in any order of colours, if the channels (nearly) agree."""
    if image.dtype not in (np.uint8, np.uint16):
        raise UnreadableImage(path, reason=f"values of type {image.dtype}")
    if image.ndim == 2:
        return image
    if image.ndim != 3 or image.shape[2] not in (3, 4):
        raise UnreadableImage(path, reason=f"pixels of {' x '.join(f'{side:,}' for side in image.shape)}")
    colours: NDArray[Any] = image[..., :3]
    if np.array_equal(colours[..., 0], colours[..., 1]) and np.array_equal(colours[..., 0], colours[..., 2]):
        return np.ascontiguousarray(colours[..., 0])
    spread = colours.max(axis=2) - colours.min(axis=2)
    if (spread > _COLOURED_LEVELS * (np.iinfo(image.dtype).max // 255)).mean() > _COLOURED_FRACTION:
        raise UnreadableImage(path, reason="colour image, not a radiograph")
    luminance: Gray = np.asarray(cv2.cvtColor(np.ascontiguousarray(colours), cv2.COLOR_RGB2GRAY), dtype=image.dtype)
    return luminance


def decodable_kind(start: bytes, path: Path) -> FileKind:
    """Return the kind of a file from its first bytes: `FileKind.PNG`, `JPEG` or `DICOM`.

    Args:
        start: Result of `first_bytes`.
        path: Path for the message.

    Raises:
        UnreadableImage: Another kind of file, or an empty one.
    """
    if not start:
        raise UnreadableImage(path, reason="empty file")
    kind = kind_of_bytes(start)
    if kind in DECODED:
        return kind
    if kind is not None:
        raise UnreadableImage(path, reason=f"a {kind.label} file, which Hilum does not read")
    text = start[:100].isascii() and b"\0" not in start[:100]
    raise UnreadableImage(path, reason="a text file" if text else "neither PNG nor JPEG nor DICOM")


def _decode_png(content: bytes, path: Path) -> tuple[NDArray[Any], tuple[Remark, ...]]:
    # OpenCV decodes twice as fast as alternatives but is lenient: Pillow checks the header and all CRCs first.
    header = _open(PngImageFile, content, path)
    if getattr(header, "n_frames", 1) > 1:
        raise UnreadableImage(path, reason="an animation")
    channels = 3 if header.mode == "P" else len(header.getbands())
    _check_decoded_size(header.height * header.width * channels * (2 if content[24] == 16 else 1), path)
    try:
        header.verify()
    except (OSError, SyntaxError, ValueError) as error:
        raise UnreadableImage(path, reason=f"broken PNG: {_reason(error)}") from error
    try:
        image = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise UnreadableImage(path, reason=f"broken PNG: {error.err}") from error
    if image is None:
        raise UnreadableImage(path, reason="broken PNG")
    turn = turn_of_png(content)
    return turn.apply(image if image.ndim == 2 else image[..., [2, 1, 0]]), _turned(turn)


def _decode_jpeg(content: bytes, path: Path) -> tuple[NDArray[Any], tuple[Remark, ...]]:
    # Pillow refuses a truncated JPEG; OpenCV fills the rest with gray.
    image = _open(JpegImageFile, content, path)
    _check_decoded_size(image.height * image.width * len(image.getbands()), path)
    turn = turn_of_image(image)
    try:
        return turn.apply(np.asarray(image if image.mode == "L" else image.convert("RGB"))), _turned(turn)
    except (OSError, ValueError) as error:
        raise UnreadableImage(path, reason=f"broken JPEG: {_reason(error)}") from error


def _turned(turn: Turn) -> tuple[Remark, ...]:
    return (Remark.EXIF_TURNED,) if turn else ()


def _check_decoded_size(size: int, path: Path) -> None:
    if size > MAX_DECODED:
        raise UnreadableImage(path, reason=f"an image of {size:,} bytes; {MAX_DECODED:,} are allowed")


def _open(kind: type[PngImageFile] | type[JpegImageFile], content: bytes, path: Path) -> PilImage:
    try:
        image = kind(BytesIO(content))
    except (OSError, SyntaxError, ValueError, DecompressionBombError) as error:
        raise UnreadableImage(path, reason=f"broken header: {_reason(error)}") from error
    check_size(image.height, image.width, path)
    return image


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
