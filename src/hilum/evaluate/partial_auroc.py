"""Partial AUROC: only the part of the ROC curve up to a false-positive rate that a clinic would accept."""

import numpy as np
from numpy.typing import ArrayLike

from hilum.evaluate.auroc import known_sides
from hilum.evaluate.precision_recall import cumulative_calls
from hilum.evaluate.redrawn_partial_auroc import standardised


def partial_auroc(labels: ArrayLike, scores: ArrayLike, *, max_false_positive_rate: float = 0.1) -> float:
    """Standardised partial AUROC of one finding (McClish, Medical Decision Making 9:190-195, 1989).

    Args:
        labels: (N,), 1 positive, 0 negative, NaN unknown (left out).
        scores: (N,), any order-preserving scale.
        max_false_positive_rate: where the curve ends, above 0, at most 1. At 1 this is the AUROC.

    Returns:
        At most 1; 0.5 by chance; NaN without positives or without negatives.
    """
    positive, score = known_sides(labels, scores)
    if positive.all() or not positive.any():
        return float("nan")
    true, false = cumulative_calls(positive, score)
    rate, recall = np.concatenate([[0.0], false / false[-1]]), np.concatenate([[0.0], true / true[-1]])
    inside = int(np.searchsorted(rate, max_false_positive_rate, side="right"))
    beyond = slice(inside - 1, inside + 1)  # the segment that is cut; a single point where the curve ends
    end = np.interp(max_false_positive_rate, rate[beyond], recall[beyond])
    area = np.trapezoid([*recall[:inside], end], [*rate[:inside], max_false_positive_rate])
    return float(standardised(np.asarray(area), max_false_positive_rate))
