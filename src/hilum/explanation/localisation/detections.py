"""Boxes predicted by a heat map, and their overlap with annotated boxes.

Two definitions are in use, distinguished by name:

    iou25, iou50   fraction of images on which the thresholded map overlaps the annotated boxes with an IoU above 0.25,
                   0.5. EVA-X's published table calls this AP25 and AP50 (its `grad_cam/get_cams.py`; there per box,
                   and with the threshold that is best on the same boxes: an upper bound).
    ap25, ap50     average precision of detection: the parts of the map above the threshold as boxes, ranked by
                   confidence over all images, as in Everingham et al., "The PASCAL visual object classes challenge: a
                   retrospective", IJCV 2015, §2.2, with the area under the whole curve.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.explanation.localisation.scores import Boxes, box_coverage
from hilum.explanation.methods import THRESHOLD


def thresholded_iou(heat: NDArray[np.floating], boxes: Boxes, threshold: float = THRESHOLD) -> float:
    """Compute the IoU of the thresholded map with the annotated boxes; 0 for a map of zeros.

    Args:
        heat: Heat map, (H, W), at least 0.
        boxes: Annotated boxes, (K, 4), at least one.
        threshold: Threshold as a fraction of the map's maximum, above 0, at most 1.
    """
    chosen = _above(heat, threshold).astype(np.float64)
    inside = box_coverage(boxes, *heat.shape)
    return float(np.minimum(chosen, inside).sum() / np.maximum(chosen, inside).sum())


def boxes_of_map(heat: NDArray[np.floating], threshold: float = THRESHOLD) -> tuple[Boxes, NDArray[np.float64]]:
    """Return the bounding box of each connected part of the thresholded map.

    Args:
        heat: Heat map, (H, W), at least 0.
        threshold: Threshold as a fraction of the map's maximum, above 0, at most 1.

    Returns:
        Boxes, (K, 4), as fractions of the image, and their maxima as fractions of the map's maximum, (K,), the highest
        first. Parts are 8-connected. No boxes for a map of zeros.
    """
    count, labelled, corners, _ = cv2.connectedComponentsWithStats(_above(heat, threshold).astype(np.uint8))
    height, width = heat.shape
    found = corners[1:, :4].astype(np.float64) / (width, height, width, height)
    peaks = np.array([heat[labelled == part].max() for part in range(1, count)], dtype=np.float64)
    order = np.argsort(-peaks, kind="stable")
    return found[order], peaks[order] / (heat.max() or 1.0)


def ious(some: Boxes, others: Boxes) -> NDArray[np.float64]:
    """Compute the intersection over union of all pairs of boxes, (K, 4) and (L, 4) to (K, L)."""
    left_top = np.maximum(some[:, None, :2], others[None, :, :2])
    right_bottom = np.minimum((some[:, :2] + some[:, 2:])[:, None], (others[:, :2] + others[:, 2:])[None])
    shared = np.prod(np.clip(right_bottom - left_top, 0, None), axis=-1)
    areas = np.prod(some[:, 2:], axis=1)[:, None] + np.prod(others[:, 2:], axis=1)[None]
    overlap: NDArray[np.float64] = shared / (areas - shared)
    return overlap


def hits(found: Boxes, drawn: Boxes, least: float) -> NDArray[np.bool_]:
    """Return which predicted boxes are true positives: each is matched to the annotated box of largest overlap.

    As in the PASCAL challenge, an annotated box is matched once; a second predicted box on it is a false positive,
    even if it overlaps another annotated box enough.

    Args:
        found: Predicted boxes, (K, 4), the most confident first.
        drawn: Annotated boxes, (L, 4).
        least: Minimum IoU.

    Returns:
        True positives, (K,).
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
    """Predicted boxes over many images.

    Attributes:
        unit: Index of the patient, (D,), 0 to P - 1.
        confidence: Confidence, (D,).
        right: True positives, (D,).
        drawn: Number of annotated boxes of each patient, (P,).
    """

    unit: NDArray[np.int64]
    confidence: NDArray[np.float64]
    right: NDArray[np.bool_]
    drawn: NDArray[np.int64]


def average_precision(detections: Detections, counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Compute the area under the monotone precision-recall curve in several resamples of patients.

    Boxes of equal confidence are one step of the curve, so that their order has no effect.

    Args:
        detections: Predicted boxes of all images.
        counts: Resampling counts of the patients, (P, B).

    Returns:
        Average precision, (B,), 0 to 1; NaN without annotated boxes.
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
    precision_mean: NDArray[np.float64] = np.divide(area, total, out=np.full(len(total), np.nan), where=total > 0)
    return precision_mean


def _above(heat: NDArray[np.floating], threshold: float) -> NDArray[np.bool_]:
    above: NDArray[np.bool_] = (heat >= threshold * heat.max()) & (heat > 0)
    return above
