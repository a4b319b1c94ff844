"""Localisation scores of heat maps on single cases."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.explanation.localisation.cases import BoxedCase
from hilum.explanation.localisation.detections import boxes_of_map, hits, thresholded_iou
from hilum.explanation.localisation.scores import box_scores
from hilum.explanation.methods import THRESHOLD

MEANS = ("pointing", "energy", "overlap", "iou", "iou25", "iou50")
"""Scores of single cases, defined in `hilum.explanation.localisation.scores` and
`hilum.explanation.localisation.detections`.
"""
PRECISIONS = {"ap25": 0.25, "ap50": 0.5}
"""Scores over many cases: average precision with its minimum IoU."""
METRICS = (*MEANS, *PRECISIONS)


@dataclass(frozen=True)
class ScoredMaps:
    """Scores of one kind of map on N cases.

    Attributes:
        scores: Scores, (N, len(MEANS)), 0 to 1 each.
        detections: `case` (index of the case), `confidence`, and `right_ap25`, `right_ap50` of every predicted box.
        drawn: Number of annotated boxes, (N,).
    """

    scores: NDArray[np.float64]
    detections: pl.DataFrame
    drawn: NDArray[np.int64]


def score_maps(
    maps: Sequence[NDArray[np.floating]],
    cases: Sequence[BoxedCase],
    probabilities: NDArray[np.floating],
    threshold: float = THRESHOLD,
) -> ScoredMaps:
    """Score one map for each case.

    Args:
        maps: N maps on their images, (H, W), at least 0.
        cases: N cases.
        probabilities: Predicted probabilities of the finding, (N,). The confidence of a box is this times its maximum
            as a fraction of the map's. Maps that are compared use the same probabilities, so that a difference comes
            from the positions and not from the ranking of images.
        threshold: Threshold of boxes, see `hilum.explanation.methods.THRESHOLD`.
    """
    scores = np.zeros((len(cases), len(MEANS)))
    detections: list[tuple[int, float, *tuple[bool, ...]]] = []
    for index, (heat, case, probability) in enumerate(zip(maps, cases, probabilities, strict=True)):
        whole = box_scores(heat, case.boxes)
        iou = thresholded_iou(heat, case.boxes, threshold)
        scores[index] = whole.pointing, whole.energy, whole.overlap, iou, iou > 0.25, iou > 0.5
        found, peaks = boxes_of_map(heat, threshold)
        right = [hits(found, case.boxes, least) for least in PRECISIONS.values()]
        for row, peak in enumerate(peaks):
            detections.append((index, float(probability * peak), *(bool(each[row]) for each in right)))
    schema = {"case": pl.Int64(), "confidence": pl.Float64(), **{f"right_{name}": pl.Boolean() for name in PRECISIONS}}
    drawn = np.array([len(case.boxes) for case in cases], dtype=np.int64)
    return ScoredMaps(scores, pl.DataFrame(detections, schema, orient="row"), drawn)
