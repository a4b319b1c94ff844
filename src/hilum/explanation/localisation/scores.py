"""How well a heat-map finds a finding's boxes: pointing game, energy in box, overlap.

All scores take a map of any resolution and boxes as fractions of the image, so that maps of 7 x 7 and of 224 x 224 are
judged alike; a pixel counts by the share of it that lies in a box.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.errors import HilumError

Boxes = NDArray[np.float64]
"""(K, 4): x, y, width, height as fractions of the image's sides, 0 to 1."""


@dataclass(frozen=True)
class BoxScores:
    """Scores of one map against the boxes of one finding on one image.

    Attributes:
        pointing: pointing game (Zhang et al., IJCV 2018, §4.1, without their tolerance): whether the map's highest
            point is in a box; 0, 1, or the share of the highest points in boxes where several are equally high.
        energy: share of the map's sum that is in boxes (Wang et al., Score-CAM, CVPR workshops 2020, §4.2).
        area: share of the image that is in boxes: what both scores are on average for a map that knows nothing.
        overlap: intersection over union of the boxes with the part of the map that is as large as they are: the map's
            highest `area` of the image. 0 to 1, and free of a threshold that would have to be chosen.
    """

    pointing: float
    energy: float
    area: float
    overlap: float


def box_scores(heat: NDArray[np.floating], boxes: Boxes) -> BoxScores:
    """Score one map.

    Args:
        heat: (H, W), at least 0, no NaN; higher where the model looked.
        boxes: of the finding on this image, at least one.

    Raises:
        HilumError: a map with values below 0 or NaN, or no box.
    """
    if heat.ndim != 2 or not np.all(heat >= 0):
        raise HilumError("heat-map", expected="(H, W), all at least 0", found=_described(heat), fix="Clip it at 0.")
    inside = share_in_boxes(boxes, heat.shape[0], heat.shape[1])
    area = float(inside.mean())
    highest = heat == heat.max()
    total = float(heat.sum())
    if total == 0:  # a map that is dark everywhere points nowhere, which is what a map that knows nothing does
        return BoxScores(area, area, area, _overlap(np.ones(heat.shape), inside, area))
    energy = float((heat * inside).sum() / total)
    return BoxScores(float(inside[highest].mean()), energy, area, _overlap(heat, inside, area))


def share_in_boxes(boxes: Boxes, height: int, width: int) -> NDArray[np.float64]:
    """How much of each pixel lies in any of the boxes.

    Args:
        boxes: (K, 4) with K at least 1; parts beyond the image count for nothing.
        height, width: of the grid of pixels.

    Returns:
        (height, width), 0 to 1; exact for one box, and where boxes overlap the larger share of the two.

    Raises:
        HilumError: no box, or a box without extent on the image.
    """
    if boxes.ndim != 2 or boxes.shape[1:] != (4,) or not len(boxes):
        raise HilumError("boxes", expected="(K, 4) with K at least 1", found=str(boxes.shape), fix="Give the boxes.")
    shares = np.zeros((height, width))
    for x, y, box_width, box_height in boxes:
        columns = _covered(x, x + box_width, width)
        rows = _covered(y, y + box_height, height)
        if not (columns.any() and rows.any()):
            found = f"x {x:g}, y {y:g}, {box_width:g} x {box_height:g}"
            raise HilumError("boxes", expected="boxes on the image, as fractions of it", found=found, fix="Check them.")
        shares = np.maximum(shares, np.outer(rows, columns))
    return shares


def _covered(start: float, end: float, pixels: int) -> NDArray[np.float64]:
    """Share of each of a row of pixels between two places, given as fractions of the row."""
    edges = np.arange(pixels + 1) / pixels
    within = np.minimum(edges[1:], end) - np.maximum(edges[:-1], start)
    covered: NDArray[np.float64] = np.clip(within * pixels, 0, 1)
    return covered


def _overlap(heat: NDArray[np.floating], inside: NDArray[np.float64], area: float) -> float:
    """IoU of the boxes and the highest `area` of the map; pixels that tie share what is left to give."""
    wanted = area * heat.size
    last = np.sort(heat, axis=None)[::-1][min(int(np.ceil(wanted)), heat.size) - 1]
    higher, ties = heat > last, heat == last
    chosen = np.where(ties, (wanted - higher.sum()) / ties.sum(), higher)
    shared = float(np.minimum(chosen, inside).sum())
    return shared / float(np.maximum(chosen, inside).sum())


def _described(heat: NDArray[np.floating]) -> str:
    return f"shape {heat.shape}" if heat.ndim != 2 else f"{heat.min():g} to {heat.max():g}"
