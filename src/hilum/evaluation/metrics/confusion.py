"""What a threshold does: counts of right and wrong calls, and the numbers that are made of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.evaluation.metrics.roc_auc import split_by_label


@dataclass(frozen=True)
class Confusion:
    """Calls against truth, all of one shape: one finding, many findings, many resamples.

    Attributes:
        true_positives, false_positives, false_negatives, true_negatives: counts of images.
    """

    true_positives: NDArray[np.float64]
    false_positives: NDArray[np.float64]
    false_negatives: NDArray[np.float64]
    true_negatives: NDArray[np.float64]

    def summed(self, axis: int) -> "Confusion":
        """Counts added over an axis: what micro averages are made of."""
        return Confusion(
            self.true_positives.sum(axis=axis),
            self.false_positives.sum(axis=axis),
            self.false_negatives.sum(axis=axis),
            self.true_negatives.sum(axis=axis),
        )


def confusion_at(labels: ArrayLike, scores: ArrayLike, threshold: float) -> Confusion:
    """Count the calls of one finding; a score at or above the threshold is called positive.

    Args:
        labels: (N,), 1, 0 or NaN (left out).
        scores: (N,).
        threshold: on the scale of the scores.
    """
    positive, score = split_by_label(labels, scores)
    called = score >= threshold
    cells = (positive & called, ~positive & called, positive & ~called, ~positive & ~called)
    return Confusion(*(np.asarray(cell.sum(), dtype=np.float64) for cell in cells))


def sensitivity(calls: Confusion) -> NDArray[np.float64]:
    """Share of the positives that are called positive; NaN without positives."""
    return _share(calls.true_positives, calls.true_positives + calls.false_negatives)


def specificity(calls: Confusion) -> NDArray[np.float64]:
    """Share of the negatives that are called negative; NaN without negatives."""
    return _share(calls.true_negatives, calls.true_negatives + calls.false_positives)


def accuracy(calls: Confusion) -> NDArray[np.float64]:
    """Share of right calls."""
    right = calls.true_positives + calls.true_negatives
    return _share(right, right + calls.false_positives + calls.false_negatives)


def balanced_accuracy(calls: Confusion) -> NDArray[np.float64]:
    """Mean of sensitivity and specificity."""
    return (sensitivity(calls) + specificity(calls)) / 2


def ppv(calls: Confusion) -> NDArray[np.float64]:
    """Positive predictive value (precision): share of the positive calls that are right; NaN without such calls."""
    return _share(calls.true_positives, calls.true_positives + calls.false_positives)


def npv(calls: Confusion) -> NDArray[np.float64]:
    """Negative predictive value: share of the negative calls that are right; NaN without such calls."""
    return _share(calls.true_negatives, calls.true_negatives + calls.false_negatives)


def f1(calls: Confusion) -> NDArray[np.float64]:
    """Harmonic mean of sensitivity and positive predictive value; 0 where nothing is found, NaN without positives."""
    wrong = calls.false_positives + calls.false_negatives
    value = _share(2 * calls.true_positives, 2 * calls.true_positives + wrong)
    return np.where(calls.true_positives + calls.false_negatives > 0, value, np.nan)


def mcc(calls: Confusion) -> NDArray[np.float64]:
    """Matthews' correlation of calls with truth, -1 to 1 (Biochimica et Biophysica Acta 405:442-451, 1975).

    0 where all images are called alike; NaN without positives or without negatives.
    """
    tp, fp, fn, tn = calls.true_positives, calls.false_positives, calls.false_negatives, calls.true_negatives
    truth = (tp + fn) * (tn + fp)
    called = (tp + fp) * (tn + fn)
    value = (tp * tn - fp * fn) / np.sqrt(np.maximum(truth * called, 1))
    return np.where(truth > 0, np.where(called > 0, value, 0.0), np.nan)


THRESHOLD_METRICS: dict[str, Callable[[Confusion], NDArray[np.float64]]] = {
    "sensitivity": sensitivity,
    "specificity": specificity,
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "ppv": ppv,
    "npv": npv,
    "f1": f1,
    "mcc": mcc,
}
"""Numbers at a threshold, by the name that tables use."""


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
