"""Quarter turns and mirroring of pixels, and EXIF orientation of PNG and JPEG files."""

import struct
from dataclasses import dataclass
from io import SEEK_CUR, BytesIO
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL.ExifTags import Base
from PIL.Image import Image as PilImage
from PIL.PngImagePlugin import PngImageFile

_CHUNKS = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")
_MARKS = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")  # places of an orientation in a PNG file


@dataclass(frozen=True)
class Turn:
    """Operations that make an image upright, in this order: transposition, vertical flip, horizontal flip."""

    swap: bool = False
    upside_down: bool = False
    mirror: bool = False

    def __bool__(self) -> bool:
        return self.swap or self.upside_down or self.mirror

    def apply(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return the image upright; (H, W, …) to (H, W, …) or (W, H, …)."""
        upright = image.swapaxes(0, 1) if self.swap else image
        upright = upright[::-1] if self.upside_down else upright
        upright = upright[:, ::-1] if self.mirror else upright
        return np.ascontiguousarray(upright) if self else image


_TURNS = {
    2: Turn(mirror=True),
    3: Turn(upside_down=True, mirror=True),
    4: Turn(upside_down=True),
    5: Turn(swap=True),
    6: Turn(swap=True, mirror=True),
    7: Turn(swap=True, upside_down=True, mirror=True),
    8: Turn(swap=True, upside_down=True),
}
"""Turn that makes an image upright, by the value of the tag Orientation (EXIF 2.32, 4.6.4 A)."""


def may_be_turned(stream: BinaryIO) -> bool:
    """Return true if a PNG file has a chunk that may hold an orientation; its pixels are skipped.

    Args:
        stream: Stream at the start of the file.
    """
    stream.seek(8)
    while len(head := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in _CHUNKS:
            return True
        stream.seek(length + 4, SEEK_CUR)
    return False


def turn_of_png(content: bytes) -> Turn:
    """Return the turn that makes a PNG image upright; no turn without a valid orientation."""
    # The chunk may follow the pixels, and Pillow then decodes them: only files that hold such a chunk are opened.
    if not any(mark in content for mark in _MARKS):
        return Turn()
    try:
        with PngImageFile(BytesIO(content)) as image:
            return turn_of_image(image)
    # EXIF data are untrusted, and not needed for the pixels.
    except Exception:  # noqa: BLE001
        return Turn()


def turn_of_image(image: PilImage) -> Turn:
    """Return the turn that makes an image opened by Pillow upright; no turn without a valid orientation."""
    try:
        orientation = image.getexif().get(Base.Orientation)
    except Exception:  # noqa: BLE001 (as above)
        return Turn()
    return _TURNS.get(orientation, Turn()) if isinstance(orientation, int) else Turn()
