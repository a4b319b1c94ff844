"""Recognition of image files by their first bytes, independent of their names."""

from enum import StrEnum

from hilum.data.dicom import has_preamble, starts_a_data_set

START = 132
"""Number of bytes needed."""


class FileKind(StrEnum):
    """Kinds of image files that are recognised; Hilum decodes those in `DECODED`."""

    PNG = "png"
    JPEG = "jpeg"
    DICOM = "dicom"
    TIFF = "tiff"
    BMP = "bmp"
    GIF = "gif"
    WEBP = "webp"
    JPEG_2000 = "jpeg2000"
    JPEG_XL = "jpegxl"
    HEIF = "heif"
    NIFTI = "nifti"

    @property
    def label(self) -> str:
        """Name for messages, such as "JPEG 2000"."""
        return _TITLES.get(self, self.value.upper())


_TITLES = {
    FileKind.WEBP: "WebP",
    FileKind.JPEG_2000: "JPEG 2000",
    FileKind.JPEG_XL: "JPEG XL",
    FileKind.NIFTI: "NIfTI",
}
DECODED = frozenset({FileKind.PNG, FileKind.JPEG, FileKind.DICOM})
ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".dcm", ".dicom", ".dic"})
"""File name extensions of these kinds."""
_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": FileKind.PNG,
    b"\xff\xd8\xff": FileKind.JPEG,
    b"II*\0": FileKind.TIFF,
    b"MM\0*": FileKind.TIFF,
    b"II+\0": FileKind.TIFF,  # BigTIFF
    b"MM\0+": FileKind.TIFF,
    b"GIF87a": FileKind.GIF,
    b"GIF89a": FileKind.GIF,
    b"\0\0\0\x0cjP  \r\n\x87\n": FileKind.JPEG_2000,
    b"\xff\x4f\xff\x51": FileKind.JPEG_2000,  # a bare stream
    b"\0\0\0\x0cJXL \r\n\x87\n": FileKind.JPEG_XL,
    b"\xff\x0a": FileKind.JPEG_XL,
}
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis")


def kind_of_bytes(start: bytes) -> FileKind | None:
    """Return the kind of an image file from its first bytes; None for any other file.

    Args:
        start: The first `START` bytes of the file, or all bytes of a shorter file.
    """
    # A preamble may hold anything: a DICOM file that is also a TIFF file starts like a TIFF file (PS3.10 7.1).
    if has_preamble(start):
        return FileKind.DICOM
    for signature, kind in _SIGNATURES.items():
        if start.startswith(signature):
            return kind
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return FileKind.WEBP
    if start[4:8] == b"ftyp" and start[8:12] in _HEIF_BRANDS:
        return FileKind.HEIF
    if start[:2] == b"BM" and start[6:10] == bytes(4):
        return FileKind.BMP
    if start[:4] in (b"\x5c\x01\0\0", b"\0\0\x01\x5c") and start[38:39] == b"r":
        return FileKind.NIFTI
    return FileKind.DICOM if starts_a_data_set(start) else None
