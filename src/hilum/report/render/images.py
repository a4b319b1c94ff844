"""Images small enough to be a part of a page."""

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
    """An image whose longer side is at most so many pixels, (H, W)."""
    longer = max(image.shape)
    if longer <= side:
        return image
    width, height = (max(1, round(length * side / longer)) for length in image.shape[::-1])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def jpeg(image: NDArray[np.uint8], quality: int = _QUALITY) -> str:
    """An image as a data address."""
    _, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return f"data:image/jpeg;base64,{base64.b64encode(content.tobytes()).decode()}"


def decoded(content: bytes, where: str) -> NDArray[np.uint8]:
    """The gray image that these bytes (JPEG, PNG, WebP) hold, (H, W).

    Raises:
        HilumError: they hold none.
    """
    image = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_GRAYSCALE) if content else None
    if image is None:
        fix = "Write JPEG, PNG or WebP."
        raise HilumError(where, expected="an encoded image", found=f"{len(content)} other bytes", fix=fix)
    return np.asarray(image, dtype=np.uint8)


def sprite(images: Sequence[NDArray[np.uint8]], tile: int) -> tuple[NDArray[np.uint8], int]:
    """All images in one image, row by row, each in the middle of a black square.

    Args:
        images: N, at least one.
        tile: side of the squares, pixels.

    Returns:
        The image, and how many squares are in a row.
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
    """JSON that may stand inside a script element: nothing in it ends the element."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
