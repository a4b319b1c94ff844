"""Partial AUROC: only the part of the ROC curve up to a false-positive rate that a clinic would accept.

Partial AUROC in every resample of patients: the part of the curve that is specific enough to be used.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.evaluation.bootstrap import BLOCK, Counts, Statistic, compiled
from hilum.evaluation.metrics.average_precision import count_sides, cumulative_calls, descents
from hilum.evaluation.metrics.roc_auc import split_by_label


def partial_auroc(labels: ArrayLike, scores: ArrayLike, *, max_false_positive_rate: float = 0.1) -> float:
    """Standardised partial AUROC of one finding (McClish, Medical Decision Making 9:190-195, 1989).

    Args:
        labels: (N,), 1 positive, 0 negative, NaN unknown (left out).
        scores: (N,), any order-preserving scale.
        max_false_positive_rate: where the curve ends, above 0, at most 1. At 1 this is the AUROC.

    Returns:
        At most 1; 0.5 by chance; NaN without positives or without negatives.
    """
    positive, score = split_by_label(labels, scores)
    if positive.all() or not positive.any():
        return float("nan")
    true, false = cumulative_calls(positive, score)
    rate, recall = np.concatenate([[0.0], false / false[-1]]), np.concatenate([[0.0], true / true[-1]])
    inside = int(np.searchsorted(rate, max_false_positive_rate, side="right"))
    beyond = slice(inside - 1, inside + 1)  # the segment that is cut; a single point where the curve ends
    end = np.interp(max_false_positive_rate, rate[beyond], recall[beyond])
    area = np.trapezoid([*recall[:inside], end], [*rate[:inside], max_false_positive_rate])
    return float(standardised(np.asarray(area), max_false_positive_rate))


def partial_auroc_statistic(
    columns: Sequence[tuple[NDArray[np.floating], NDArray[np.floating]]],
    patients: NDArray[np.int32],
    *,
    max_false_positive_rate: float,
    threads: int | None = None,
) -> Statistic:
    """Sort each column once; then the standardised partial AUROCs in any resamples of patients; see `partial_auroc`.

    Args:
        columns: K pairs of labels (1, 0, NaN unknown) and scores, of N images each.
        patients: (N,), whose image it is.
        max_false_positive_rate: where the curve ends, above 0, at most 1.
        threads: that sort; None for as many as this process may use.
    """
    visited, bounds = descents(columns, patients, threads)

    def statistic(counts: Counts) -> NDArray[np.float64]:
        out = np.empty((len(columns), BLOCK))
        weighted_partial_area(
            visited.patients, visited.positive, visited.last_of_tie, bounds, counts, max_false_positive_rate, out
        )
        return standardised(out, max_false_positive_rate)

    return statistic


def standardised(area: NDArray[np.float64], max_false_positive_rate: float) -> NDArray[np.float64]:
    """McClish, Medical Decision Making 9:190-195 (1989): 0.5 for chance, 1 for the largest area there can be."""
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
    """Area under the ROC curve up to a false-positive rate, of K sorted columns in 64 resamples.

    Args:
        patients, positive, last_of_tie: of the columns' `DescendingScores` objects, one column after another.
        bounds: (K + 1,), where each column begins and ends.
        counts: (P, 64), how often each patient counts.
        max_false_positive_rate: the right end.
        out: (K, 64), filled; NaN without a positive or without a negative.
    """
    totals = np.empty((2, BLOCK), dtype=np.int64)
    passed = np.empty((2, BLOCK), dtype=np.int64)
    in_tie = np.empty((2, BLOCK), dtype=np.int64)
    area = np.empty(BLOCK, dtype=np.float64)
    for column in range(len(bounds) - 1):
        count_sides(patients, positive, bounds[column], bounds[column + 1], counts, totals)
        passed[:] = 0
        in_tie[:] = 0
        area[:] = 0.0
        for visit in range(bounds[column], bounds[column + 1]):
            count = counts[patients[visit]]
            kind = 1 if positive[visit] else 0
            for resample in range(BLOCK):
                in_tie[kind, resample] += count[resample]
            if last_of_tie[visit]:
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
