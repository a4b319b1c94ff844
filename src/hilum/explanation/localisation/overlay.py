"""Images of images with a heat-map over them and boxes around what people marked."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.explanation.localisation.scores import Boxes

_BOX = (64, 200, 255)  # blue, green, red: amber
_GAP = 6


def coloured(heat: NDArray[np.floating]) -> NDArray[np.uint8]:
    """A map as colours with an opacity that grows with the heat, (H, W, 4) BGRA.

    Every map is scaled by its own highest value; a dark one is transparent everywhere.

    Args:
        heat: (H, W), at least 0.
    """
    highest = float(heat.max())
    share = heat / highest if highest > 0 else np.zeros(heat.shape)
    levels = np.rint(255 * share).astype(np.uint8)
    # the lower quarter of the palette is nearly black, which would look like a finding of its own
    colours = cv2.applyColorMap((64 + levels * 0.75).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return np.dstack([colours, levels])


def overlaid(
    image: NDArray[np.uint8], heat: NDArray[np.floating], boxes: Boxes | None = None, opacity: float = 0.6
) -> NDArray[np.uint8]:
    """An image with a map over it, (S, S, 3) BGR.

    Args:
        image: (S, S).
        heat: (S, S), at least 0.
        boxes: (K, 4) as fractions of the image; None for none.
        opacity: of the hottest place, 0 to 1.
    """
    layer = coloured(heat)
    share = layer[:, :, 3:].astype(np.float64) / 255 * opacity
    image = np.rint(image[:, :, None] * (1 - share) + layer[:, :, :3] * share).astype(np.uint8)
    side = image.shape[0]
    for x, y, width, height in [] if boxes is None else boxes * side:
        corners = (round(x), round(y)), (round(x + width) - 1, round(y + height) - 1)
        cv2.rectangle(image, *corners, _BOX, max(side // 160, 1))
    return image


def contact_sheet(rows: Sequence[Sequence[NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """Images side by side, one row under the other, on white; all (S, S, 3).

    Args:
        rows: at least one, equally long.
    """
    side = rows[0][0].shape[0]
    step = side + _GAP
    sheet = np.full((step * len(rows) - _GAP, step * len(rows[0]) - _GAP, 3), 255, dtype=np.uint8)
    for r, row in enumerate(rows):
        for c, image in enumerate(row):
            sheet[r * step : r * step + side, c * step : c * step + side] = image
    return sheet
