"""EXIF orientation of PNG and JPEG files: which way cameras, scanners and viewers say is up."""

import struct
from io import SEEK_CUR, BytesIO
from typing import BinaryIO

from PIL.ExifTags import Base
from PIL.Image import Image as PilImage
from PIL.PngImagePlugin import PngImageFile

from hilum.data.images.turn import Turn

_TURNS = {
    2: Turn(mirror=True),
    3: Turn(upside_down=True, mirror=True),
    4: Turn(upside_down=True),
    5: Turn(swap=True),
    6: Turn(swap=True, mirror=True),
    7: Turn(swap=True, upside_down=True, mirror=True),
    8: Turn(swap=True, upside_down=True),
}
"""What makes an image upright, by the value of the tag Orientation (EXIF 2.32, 4.6.4 A)."""
_CHUNKS = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")
_MARKS = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")  # where a PNG file may hold an orientation


def may_be_turned(stream: BinaryIO) -> bool:
    """Whether a PNG file has a chunk that may hold an orientation; its pixels are passed over, not read.

    Args:
        stream: at the start of the file.
    """
    stream.seek(8)
    while len(head := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in _CHUNKS:
            return True
        stream.seek(length + 4, SEEK_CUR)
    return False


def turn_of_png(content: bytes) -> Turn:
    """What makes a PNG image upright; nothing where the file does not state its orientation, or states it wrongly."""
    # The chunk may stand behind the pixels, and Pillow then decodes them: only files that hold such a chunk are opened.
    if not any(mark in content for mark in _MARKS):
        return Turn()
    try:
        with PngImageFile(BytesIO(content)) as image:
            return turn_of_image(image)
    # EXIF is foreign bytes beside pixels that can be read without it.
    except Exception:  # noqa: BLE001
        return Turn()


def turn_of_image(image: PilImage) -> Turn:
    """What makes an image upright that Pillow has opened; nothing where it does not say, or says it wrongly."""
    try:
        orientation = image.getexif().get(Base.Orientation)
    except Exception:  # noqa: BLE001 (as above)
        return Turn()
    return _TURNS.get(orientation, Turn()) if isinstance(orientation, int) else Turn()
