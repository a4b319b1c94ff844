"""Confusion matrix at a threshold, and the metrics computed from it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.evaluation.metrics.roc_auc import split_by_label


@dataclass(frozen=True)
class Confusion:
    """Counts of calls by truth, arrays of one shape (findings, resamples).

    Attributes:
        true_positives, false_positives, false_negatives, true_negatives: Numbers of images.
    """

    true_positives: NDArray[np.float64]
    false_positives: NDArray[np.float64]
    false_negatives: NDArray[np.float64]
    true_negatives: NDArray[np.float64]

    def pooled(self, findings: NDArray[np.bool_]) -> "Confusion":
        """Sum the counts of some findings, (M, F, T) to (M, T), for micro averages."""
        cells = (self.true_positives, self.false_positives, self.false_negatives, self.true_negatives)
        return Confusion(*(cell[:, findings].sum(axis=1) for cell in cells))


def confusion_at(labels: ArrayLike, scores: ArrayLike, threshold: float) -> Confusion:
    """Count the calls of one finding; a score at or above the threshold is called positive.

    Args:
        labels: (N,), 1, 0 or NaN (excluded).
        scores: (N,).
        threshold: Threshold on the scale of the scores.
    """
    positive, score = split_by_label(labels, scores)
    called = score >= threshold
    cells = (positive & called, ~positive & called, positive & ~called, ~positive & ~called)
    return Confusion(*(np.asarray(cell.sum(), dtype=np.float64) for cell in cells))


def sensitivity(calls: Confusion) -> NDArray[np.float64]:
    """Compute the fraction of positives that are called positive; NaN without positives."""
    return _fraction(calls.true_positives, calls.true_positives + calls.false_negatives)


def specificity(calls: Confusion) -> NDArray[np.float64]:
    """Compute the fraction of negatives that are called negative; NaN without negatives."""
    return _fraction(calls.true_negatives, calls.true_negatives + calls.false_positives)


def accuracy(calls: Confusion) -> NDArray[np.float64]:
    """Compute the fraction of correct calls."""
    right = calls.true_positives + calls.true_negatives
    return _fraction(right, right + calls.false_positives + calls.false_negatives)


def balanced_accuracy(calls: Confusion) -> NDArray[np.float64]:
    """Compute the mean of sensitivity and specificity."""
    return (sensitivity(calls) + specificity(calls)) / 2


def ppv(calls: Confusion) -> NDArray[np.float64]:
    """Compute the positive predictive value (precision); NaN without positive calls."""
    return _fraction(calls.true_positives, calls.true_positives + calls.false_positives)


def npv(calls: Confusion) -> NDArray[np.float64]:
    """Compute the negative predictive value; NaN without negative calls."""
    return _fraction(calls.true_negatives, calls.true_negatives + calls.false_negatives)


def f1(calls: Confusion) -> NDArray[np.float64]:
    """Compute the harmonic mean of sensitivity and positive predictive value; NaN without positives."""
    wrong = calls.false_positives + calls.false_negatives
    value = _fraction(2 * calls.true_positives, 2 * calls.true_positives + wrong)
    return np.where(calls.true_positives + calls.false_negatives > 0, value, np.nan)


def mcc(calls: Confusion) -> NDArray[np.float64]:
    """Compute Matthews' correlation coefficient, -1 to 1 (Biochimica et Biophysica Acta 405:442-451, 1975).

    0 where all calls are equal; NaN without positives or without negatives.
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
"""Metrics at a threshold, by the name in tables."""


def _fraction(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
