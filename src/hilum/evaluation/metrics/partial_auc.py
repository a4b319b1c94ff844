"""Partial AUROC: the area under the ROC curve up to a clinically acceptable false-positive rate, and its bootstrap."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.evaluation.bootstrap import BLOCK, Columns, Counts, Statistic, compiled, sorted_statistic
from hilum.evaluation.metrics.average_precision import cumulative_calls
from hilum.evaluation.metrics.descending import count_labels, sort_descending
from hilum.evaluation.metrics.roc_auc import split_by_label


def partial_auroc(labels: ArrayLike, scores: ArrayLike, *, max_false_positive_rate: float = 0.1) -> float:
    """Compute the standardised partial AUROC of one finding (McClish, Medical Decision Making 9:190-195, 1989).

    Args:
        labels: (N,), 1 positive, 0 negative, NaN unknown (excluded).
        scores: (N,), any order-preserving scale.
        max_false_positive_rate: End of the curve, above 0, at most 1. At 1 this is the AUROC.

    Returns:
        At most 1; 0.5 at chance; NaN without positives or without negatives.
    """
    positive, score = split_by_label(labels, scores)
    if positive.all() or not positive.any():
        return float("nan")
    true, false = cumulative_calls(positive, score)
    rate, recall = np.concatenate([[0.0], false / false[-1]]), np.concatenate([[0.0], true / true[-1]])
    inside = int(np.searchsorted(rate, max_false_positive_rate, side="right"))
    beyond = slice(inside - 1, inside + 1)  # the segment that is cut; a single point at the end of the curve
    end = np.interp(max_false_positive_rate, rate[beyond], recall[beyond])
    area = np.trapezoid([*recall[:inside], end], [*rate[:inside], max_false_positive_rate])
    return float(standardised(np.asarray(area), max_false_positive_rate))


def partial_auroc_statistic(
    columns: Columns, patients: NDArray[np.int32], *, max_false_positive_rate: float, threads: int | None = None
) -> Statistic:
    """Prepare standardised partial AUROCs of K columns for any resamples of patients; see `partial_auroc`."""
    area = sorted_statistic(
        columns, patients, sort_descending, weighted_partial_area, max_false_positive_rate, threads=threads
    )
    return lambda counts: standardised(area(counts), max_false_positive_rate)


def standardised(area: NDArray[np.float64], max_false_positive_rate: float) -> NDArray[np.float64]:
    """Scale a partial area so that chance is 0.5 and the largest possible area 1 (McClish 1989)."""
    chance = max_false_positive_rate**2 / 2
    return 0.5 * (1 + (area - chance) / (max_false_positive_rate - chance))


@compiled
def weighted_partial_area(
    patients: NDArray[np.int32],
    positive: NDArray[np.bool_],
    last_of_tie: NDArray[np.bool_],
    bounds: NDArray[np.int64],
    counts: Counts,
    max_false_positive_rate: float,
    out: NDArray[np.float64],
) -> None:
    """Compute the area under the ROC curve up to a false-positive rate, of K sorted columns in 64 resamples.

    NaN without a positive or without a negative. Args: see
    `hilum.evaluation.bootstrap.sorted_statistic`.
    """
    totals = np.empty((2, BLOCK), dtype=np.int64)
    passed = np.empty((2, BLOCK), dtype=np.int64)
    in_tie = np.empty((2, BLOCK), dtype=np.int64)
    area = np.empty(BLOCK, dtype=np.float64)
    for column in range(len(bounds) - 1):
        count_labels(patients, positive, bounds[column], bounds[column + 1], counts, totals)
        passed[:] = 0
        in_tie[:] = 0
        area[:] = 0.0
        for place in range(bounds[column], bounds[column + 1]):
            count = counts[patients[place]]
            kind = 1 if positive[place] else 0
            for resample in range(BLOCK):
                in_tie[kind, resample] += count[resample]
            if last_of_tie[place]:
                for resample in range(BLOCK):
                    room = max_false_positive_rate * totals[0, resample] - passed[0, resample]
                    width, height = in_tie[0, resample], in_tie[1, resample]
                    if room > 0 and width > 0:
                        step = min(room, np.float64(width))
                        area[resample] += step * (passed[1, resample] + 0.5 * height * step / width)
                    passed[0, resample] += width
                    passed[1, resample] += height
                    in_tie[0, resample] = 0
                    in_tie[1, resample] = 0
        for resample in range(BLOCK):
            pairs = totals[0, resample] * totals[1, resample]
            out[column, resample] = area[resample] / pairs if pairs > 0 else np.nan
