"""Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

Equal to the Mann-Whitney statistic over the number of pairs (Hanley & McNeil, Radiology 143:29-36, 1982), and computed
from midranks, which is exact: sums of whole and half numbers.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def auroc(labels: ArrayLike, scores: ArrayLike) -> float:
    """AUROC of one finding.

    Args:
        labels: (N,), 1 positive, 0 negative, NaN unknown (left out).
        scores: (N,), any order-preserving scale.

    Returns:
        0 to 1; 0.5 where scores say nothing; NaN without positives or without negatives.
    """
    positive, score = known_sides(labels, scores)
    positives = int(positive.sum())
    negatives = positive.size - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    pairs_won = midranks(score)[positive].sum() - positives * (positives + 1) / 2
    return float(pairs_won / (positives * negatives))


def aurocs(labels: ArrayLike, scores: ArrayLike) -> NDArray[np.float64]:
    """AUROC of each finding, (F,), from labels and scores (N, F); see `auroc`."""
    label, score = np.asarray(labels, dtype=np.float64), np.asarray(scores)
    return np.array([auroc(label[:, finding], score[:, finding]) for finding in range(label.shape[1])])


def midranks(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Ranks from 1 up, ties sharing the mean of theirs, (N,)."""
    _, place, tied = np.unique(scores, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(tied) - (tied - 1) / 2)[place]
    return ranks


def known_sides(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.floating]]:
    """Which images are positive, and their scores, without those whose label is unknown (NaN)."""
    label = np.asarray(labels, dtype=np.float64)
    known = ~np.isnan(label)
    return label[known] == 1, np.asarray(scores)[known]
