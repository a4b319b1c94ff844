"""Overlay of heat maps and annotated boxes on images."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.explanation.localisation.scores import Boxes

_BOX = (64, 200, 255)  # blue, green, red: amber
_GAP = 6


def coloured(heat: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Colour a heat map with an opacity that increases with its values, (H, W, 4) BGRA.

    Each map is scaled to its own maximum; a map of zeros is transparent.

    Args:
        heat: Heat map, (H, W), at least 0.
    """
    highest = float(heat.max())
    scaled = heat / highest if highest > 0 else np.zeros(heat.shape)
    levels = np.rint(255 * scaled).astype(np.uint8)
    # the lower quarter of the palette is nearly black and could be mistaken for a finding
    colours = cv2.applyColorMap((64 + levels * 0.75).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return np.dstack([colours, levels])


def overlaid(
    image: NDArray[np.uint8], heat: NDArray[np.floating], boxes: Boxes | None = None, opacity: float = 0.6
) -> NDArray[np.uint8]:
    """Overlay a heat map and boxes on an image, (S, S, 3) BGR.

    Args:
        image: Image, (S, S).
        heat: Heat map, (S, S), at least 0.
        boxes: Boxes, (K, 4), as fractions of the image; None for none.
        opacity: Opacity at the maximum, 0 to 1.
    """
    layer = coloured(heat)
    alpha = layer[:, :, 3:].astype(np.float64) / 255 * opacity
    image = np.rint(image[:, :, None] * (1 - alpha) + layer[:, :, :3] * alpha).astype(np.uint8)
    side = image.shape[0]
    for x, y, width, height in [] if boxes is None else boxes * side:
        corners = (round(x), round(y)), (round(x + width) - 1, round(y + height) - 1)
        cv2.rectangle(image, *corners, _BOX, max(side // 160, 1))
    return image


def contact_sheet(rows: Sequence[Sequence[NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """Arrange images, all (S, S, 3), in a grid on white.

    Args:
        rows: Rows of images, at least one, equally long.
    """
    side = rows[0][0].shape[0]
    step = side + _GAP
    sheet = np.full((step * len(rows) - _GAP, step * len(rows[0]) - _GAP, 3), 255, dtype=np.uint8)
    for r, row in enumerate(rows):
        for c, image in enumerate(row):
            sheet[r * step : r * step + side, c * step : c * step + side] = image
    return sheet
