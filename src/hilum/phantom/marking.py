"""Markers on the image outside of the patient: letters, portable labels, and collimator edges."""

import cv2
import numpy as np
from numpy.typing import NDArray


def mark(pixels: NDArray[np.uint8], view: str, draw: np.random.Generator) -> NDArray[np.uint8]:
    """Add a lead letter in an upper corner, and a label on some portable images."""
    side = pixels.shape[0]
    marked = pixels
    if draw.random() < 0.9:
        left = draw.random() < 0.7
        x = draw.uniform(0.86, 0.95) if left else draw.uniform(0.05, 0.14)
        text = "L" if left else "R"
        marked = _write(marked, text, x, draw.uniform(0.05, 0.22), side * draw.uniform(0.034, 0.055), draw)
        if draw.random() < 0.3:
            initials = "".join(chr(65 + letter) for letter in draw.integers(0, 26, 2))
            marked = _write(marked, initials, x, draw.uniform(0.24, 0.28), side * 0.02, draw)
    if view == "AP" and draw.random() < 0.6:
        x, y = draw.uniform(0.08, 0.92), draw.choice([0.04, 0.09, 0.93])
        marked = _write(marked, "PORTABLE" if draw.random() < 0.6 else "AP", x, y, side * 0.018, draw)
    return marked


def collimate(pixels: NDArray[np.uint8], draw: np.random.Generator) -> NDArray[np.uint8]:
    """Blacken, or on a few images whiten, the area outside of the collimator."""
    if draw.random() > 0.35:
        return pixels
    side = pixels.shape[0]
    margins = np.maximum(draw.normal(0.0, 0.03, 4), -0.04) * side
    lean = draw.normal(0, 0.012) * side
    left, top, right, bottom = margins[0], margins[1], side - margins[2], side - margins[3]
    corners = [[left + lean, top - lean], [right + lean, top + lean], [right - lean, bottom + lean],
               [left - lean, bottom - lean]]  # fmt: skip
    field = np.zeros((side, side), dtype=np.uint8)
    cv2.fillPoly(field, [np.round(np.array(corners) * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    outside = 245.0 if draw.random() < 0.15 else draw.uniform(0, 12)
    opened = field.astype(np.float32) / 255.0
    shown: NDArray[np.uint8] = (pixels * opened + outside * (1 - opened)).astype(np.uint8)
    return shown


def _write(
    pixels: NDArray[np.uint8], text: str, x: float, y: float, height: float, draw: np.random.Generator
) -> NDArray[np.uint8]:
    """Write text at (x, y), fractions of the side, slightly rotated; `height` in pixels."""
    side = pixels.shape[0]
    scale = height / 22.0  # cv2's capitals are 22 pixels tall at scale 1
    wide = max(round(scale * draw.uniform(2.0, 4.5)), 1)
    font = cv2.FONT_HERSHEY_SIMPLEX
    (across, tall), _ = cv2.getTextSize(text, font, scale, wide)
    stencil = np.zeros((side, side), dtype=np.uint8)
    origin = round(x * side - across / 2), round(y * side + tall / 2)
    cv2.putText(stencil, text, origin, font, scale, 255, wide, cv2.LINE_AA)
    if len(text) == 1 and draw.random() < 0.35:
        cv2.circle(stencil, (round(x * side), round(y * side)), round(height), 255, max(wide // 2, 1), cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((x * side, y * side), float(draw.normal(0, 8)), 1.0)
    turned = cv2.warpAffine(stencil, turn, (side, side))
    lead = turned.astype(np.float32) / 255.0 * draw.uniform(0.7, 1.0)
    shown: NDArray[np.uint8] = (pixels + (250.0 - pixels) * lead).clip(0, 255).astype(np.uint8)
    return shown
