"""Localisation scores of a heat map: pointing game, energy in box, overlap.

Maps may have any resolution, and boxes are fractions of the image, so that maps of 7 x 7 and of 224 x 224 are
comparable; each pixel is weighted by the fraction of it that is in a box.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.errors import HilumError

Boxes = NDArray[np.float64]
"""Boxes, (K, 4): x, y, width, height as fractions of the image's sides, 0 to 1."""


@dataclass(frozen=True)
class BoxScores:
    """Scores of one map against the boxes of one finding on one image.

    Attributes:
        pointing: Pointing game (Zhang et al., IJCV 2018, §4.1, without their tolerance): whether the maximum of the
            map is in a box; 0, 1, or the fraction of several equal maxima in boxes.
        energy: Fraction of the map's sum in boxes (Wang et al., Score-CAM, CVPR workshops 2020, §4.2).
        area: Fraction of the image in boxes: the expected value of both scores for a random map.
        overlap: Intersection over union of the boxes with the highest part of the map that has the same area. 0 to 1;
            needs no threshold.
    """

    pointing: float
    energy: float
    area: float
    overlap: float


def box_scores(heat: NDArray[np.floating], boxes: Boxes) -> BoxScores:
    """Score one map.

    Args:
        heat: Heat map, (H, W), at least 0, no NaN.
        boxes: Boxes of the finding on this image, at least one.

    Raises:
        HilumError: A map with values below 0 or NaN, or no box.
    """
    if heat.ndim != 2 or not np.all(heat >= 0):
        raise HilumError("heat map", expected="(H, W), all at least 0", found=_described(heat), fix="Clip it at 0.")
    inside = box_coverage(boxes, heat.shape[0], heat.shape[1])
    area = float(inside.mean())
    highest = heat == heat.max()
    total = float(heat.sum())
    if total == 0:  # a map of zeros has the expected values of a random map
        return BoxScores(area, area, area, _overlap(np.ones(heat.shape), inside, area))
    energy = float((heat * inside).sum() / total)
    return BoxScores(float(inside[highest].mean()), energy, area, _overlap(heat, inside, area))


def box_coverage(boxes: Boxes, height: int, width: int) -> NDArray[np.float64]:
    """Compute the fraction of each pixel that is in any of the boxes.

    Args:
        boxes: Boxes, (K, 4), K at least 1; parts outside the image are ignored.
        height, width: Size of the grid of pixels.

    Returns:
        Fractions, (height, width), 0 to 1; exact for one box, the larger of the two fractions where boxes overlap.

    Raises:
        HilumError: No box, or a box without area on the image.
    """
    if boxes.ndim != 2 or boxes.shape[1:] != (4,) or not len(boxes):
        raise HilumError("boxes", expected="(K, 4) with K at least 1", found=str(boxes.shape), fix="Give the boxes.")
    covered = np.zeros((height, width))
    for x, y, box_width, box_height in boxes:
        columns = _covered(x, x + box_width, width)
        rows = _covered(y, y + box_height, height)
        if not (columns.any() and rows.any()):
            found = f"x {x:g}, y {y:g}, {box_width:g} x {box_height:g}"
            raise HilumError("boxes", expected="boxes on the image, as fractions of it", found=found, fix="Check them.")
        covered = np.maximum(covered, np.outer(rows, columns))
    return covered


def _covered(start: float, end: float, pixels: int) -> NDArray[np.float64]:
    """Return the covered fraction of each pixel of a row between two positions, given as fractions of the row."""
    edges = np.arange(pixels + 1) / pixels
    within = np.minimum(edges[1:], end) - np.maximum(edges[:-1], start)
    covered: NDArray[np.float64] = np.clip(within * pixels, 0, 1)
    return covered


def _overlap(heat: NDArray[np.floating], inside: NDArray[np.float64], area: float) -> float:
    """Compute the IoU of the boxes and the highest `area` of the map; tied pixels get equal fractions of the rest."""
    wanted = area * heat.size
    last = np.sort(heat, axis=None)[::-1][min(int(np.ceil(wanted)), heat.size) - 1]
    higher, ties = heat > last, heat == last
    chosen = np.where(ties, (wanted - higher.sum()) / ties.sum(), higher)
    shared = float(np.minimum(chosen, inside).sum())
    return shared / float(np.maximum(chosen, inside).sum())


def _described(heat: NDArray[np.floating]) -> str:
    return f"shape {heat.shape}" if heat.ndim != 2 else f"{heat.min():g} to {heat.max():g}"
