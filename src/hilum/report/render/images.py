"""Images embedded in a page."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.errors import HilumError

_QUALITY = 82


def smaller(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Shrink an image, (H, W), to a longer side of at most `side` pixels."""
    longer = max(image.shape)
    if longer <= side:
        return image
    width, height = (max(1, round(length * side / longer)) for length in image.shape[::-1])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def jpeg(image: NDArray[np.uint8], quality: int = _QUALITY) -> str:
    """Return an image as the data URL of a JPEG."""
    _, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return f"data:image/jpeg;base64,{base64.b64encode(content.tobytes()).decode()}"


def png(image: NDArray[np.uint8]) -> str:
    """Return an image, gray or BGRA, as the data URL of a PNG."""
    _, content = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return f"data:image/png;base64,{base64.b64encode(content.tobytes()).decode()}"


def decoded(content: bytes, where: str) -> NDArray[np.uint8]:
    """Decode the bytes of a JPEG, PNG or WebP file to a gray image, (H, W).

    Raises:
        HilumError: The bytes are no image.
    """
    image = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_GRAYSCALE) if content else None
    if image is None:
        fix = "Write JPEG, PNG or WebP."
        raise HilumError(where, expected="an encoded image", found=f"{len(content)} other bytes", fix=fix)
    return np.asarray(image, dtype=np.uint8)


def sprite(images: Sequence[NDArray[np.uint8]], tile: int) -> tuple[NDArray[np.uint8], int]:
    """Combine images into one sprite sheet, row by row, each centred in a black square.

    Args:
        images: N images, at least one.
        tile: Side of the squares, pixels.

    Returns:
        The sprite sheet, and the number of squares per row.
    """
    across = int(np.ceil(np.sqrt(len(images))))
    sheet = np.zeros((-(-len(images) // across) * tile, across * tile), dtype=np.uint8)
    for place, image in enumerate(images):
        small = smaller(image, tile)
        height, width = small.shape
        top = place // across * tile + (tile - height) // 2
        left = place % across * tile + (tile - width) // 2
        sheet[top : top + height, left : left + width] = small
    return sheet, across


def as_script(content: Any) -> str:
    """Encode JSON for a script element: `&`, `<` and `>` are escaped, so that nothing ends the element."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
