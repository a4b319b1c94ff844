"""Films small enough to be a part of a page."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.errors import HilumError

_QUALITY = 82


def smaller(film: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A film whose longer side is at most so many pixels, (H, W)."""
    longer = max(film.shape)
    if longer <= side:
        return film
    width, height = (max(1, round(length * side / longer)) for length in film.shape[::-1])
    return np.asarray(cv2.resize(film, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def jpeg(film: NDArray[np.uint8], quality: int = _QUALITY) -> str:
    """A film as a data address."""
    _, content = cv2.imencode(".jpg", film, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return f"data:image/jpeg;base64,{base64.b64encode(content.tobytes()).decode()}"


def decoded(content: bytes, where: str) -> NDArray[np.uint8]:
    """The gray picture that these bytes (JPEG, PNG, WebP) hold, (H, W).

    Raises:
        HilumError: they hold none.
    """
    picture = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_GRAYSCALE) if content else None
    if picture is None:
        fix = "Write JPEG, PNG or WebP."
        raise HilumError(where, expected="an encoded picture", found=f"{len(content)} other bytes", fix=fix)
    return np.asarray(picture, dtype=np.uint8)


def sprite(films: Sequence[NDArray[np.uint8]], tile: int) -> tuple[NDArray[np.uint8], int]:
    """All films in one picture, row by row, each in the middle of a black square.

    Args:
        films: N, at least one.
        tile: side of the squares, pixels.

    Returns:
        The picture, and how many squares are in a row.
    """
    across = int(np.ceil(np.sqrt(len(films))))
    sheet = np.zeros((-(-len(films) // across) * tile, across * tile), dtype=np.uint8)
    for place, film in enumerate(films):
        small = smaller(film, tile)
        height, width = small.shape
        top = place // across * tile + (tile - height) // 2
        left = place % across * tile + (tile - width) // 2
        sheet[top : top + height, left : left + width] = small
    return sheet, across


def as_script(content: Any) -> str:
    """JSON that may stand inside a script element: nothing in it ends the element."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
