"""Boxes out of a heat-map, and how they meet the boxes that people drew.

Two definitions of the field, distinguished by name:

    iou25, iou50   the share of images on which the map, cut at a threshold, overlaps the drawn boxes with an IoU above
                   0.25, 0.5. This is what EVA-X's published table calls AP25 and AP50 (its `grad_cam/get_cams.py`;
                   there box by box, and with the threshold that is best on the same boxes: an upper bound).
    ap25, ap50     average precision of detection: the parts of the map above the threshold as boxes, ranked by
                   confidence over all images, as in Everingham et al., "The PASCAL visual object classes challenge: a
                   retrospective", IJCV 2015, §2.2, with the area under the whole curve.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.explanation.localisation.scores import Boxes, share_in_boxes
from hilum.explanation.methods import THRESHOLD


def thresholded_iou(heat: NDArray[np.floating], boxes: Boxes, threshold: float = THRESHOLD) -> float:
    """IoU of the places at or above a share of the map's highest value with the drawn boxes; 0 for a dark map.

    Args:
        heat: (H, W), at least 0.
        boxes: (K, 4), at least one.
        threshold: above 0, at most 1.
    """
    chosen = _above(heat, threshold).astype(np.float64)
    inside = share_in_boxes(boxes, *heat.shape)
    return float(np.minimum(chosen, inside).sum() / np.maximum(chosen, inside).sum())


def boxes_of_map(heat: NDArray[np.floating], threshold: float = THRESHOLD) -> tuple[Boxes, NDArray[np.float64]]:
    """A box around every connected part of the map at or above a share of its highest value.

    Args:
        heat: (H, W), at least 0.
        threshold: above 0, at most 1.

    Returns:
        (K, 4) as fractions of the image, and the highest value in each as a share of the map's, (K,); highest first.
        Parts that touch at a corner are one. None for a dark map.
    """
    count, labelled, corners, _ = cv2.connectedComponentsWithStats(_above(heat, threshold).astype(np.uint8))
    height, width = heat.shape
    found = corners[1:, :4].astype(np.float64) / (width, height, width, height)
    peaks = np.array([heat[labelled == part].max() for part in range(1, count)], dtype=np.float64)
    order = np.argsort(-peaks, kind="stable")
    return found[order], peaks[order] / (heat.max() or 1.0)


def ious(some: Boxes, others: Boxes) -> NDArray[np.float64]:
    """Intersection over union of every box with every other, (K, 4) and (L, 4) to (K, L)."""
    left_top = np.maximum(some[:, None, :2], others[None, :, :2])
    right_bottom = np.minimum((some[:, :2] + some[:, 2:])[:, None], (others[:, :2] + others[:, 2:])[None])
    shared = np.prod(np.clip(right_bottom - left_top, 0, None), axis=-1)
    areas = np.prod(some[:, 2:], axis=1)[:, None] + np.prod(others[:, 2:], axis=1)[None]
    overlap: NDArray[np.float64] = shared / (areas - shared)
    return overlap


def hits(found: Boxes, drawn: Boxes, least: float) -> NDArray[np.bool_]:
    """Which boxes of a map count as right: each, in the order given, takes the drawn box that it overlaps most.

    As in the PASCAL challenge, a drawn box is found once; a second box on it is wrong, also where it would overlap
    another one enough.

    Args:
        found: (K, 4), the most confident first.
        drawn: (L, 4).
        least: IoU that must be reached.

    Returns:
        (K,).
    """
    right = np.zeros(len(found), dtype=np.bool_)
    taken = np.zeros(len(drawn), dtype=np.bool_)
    for row, overlap in enumerate(ious(found, drawn)):
        best = int(overlap.argmax())
        right[row] = overlap[best] >= least and not taken[best]
        taken[best] |= right[row]
    return right


@dataclass(frozen=True)
class Detections:
    """Boxes of maps over many images.

    Attributes:
        unit: (D,), whose image it is: 0 to P - 1.
        confidence: (D,).
        right: (D,), whether it found a drawn box.
        drawn: (P,), drawn boxes of each patient.
    """

    unit: NDArray[np.int64]
    confidence: NDArray[np.float64]
    right: NDArray[np.bool_]
    drawn: NDArray[np.int64]


def average_precision(detections: Detections, counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Area under precision over recall, precision made falling from the right; in several resamples of patients.

    Boxes of one confidence are one step of the curve, so that their order does not matter.

    Args:
        detections: of all images.
        counts: (P, B), how often each patient counts.

    Returns:
        (B,), 0 to 1; NaN where no drawn box is left.
    """
    total = detections.drawn @ counts.astype(np.float64)
    order = np.argsort(-detections.confidence, kind="stable")
    confidence = detections.confidence[order]
    if not len(order):
        return np.where(total > 0, 0.0, np.nan)
    weights = counts[detections.unit[order]].astype(np.float64)
    ends = np.flatnonzero(np.append(confidence[1:] != confidence[:-1], True))
    right = np.cumsum(weights * detections.right[order, None], axis=0)[ends]
    everything = np.cumsum(weights, axis=0)[ends]
    precision = np.divide(right, everything, out=np.zeros_like(right), where=everything > 0)
    falling = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    steps = np.diff(right, axis=0, prepend=0.0)
    area: NDArray[np.float64] = (steps * falling).sum(0)
    share: NDArray[np.float64] = np.divide(area, total, out=np.full(len(total), np.nan), where=total > 0)
    return share


def _above(heat: NDArray[np.floating], threshold: float) -> NDArray[np.bool_]:
    above: NDArray[np.bool_] = (heat >= threshold * heat.max()) & (heat > 0)
    return above
