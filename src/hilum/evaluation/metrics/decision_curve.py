"""Decision curve analysis: net benefit of a model beside treating all or no patients."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from hilum.evaluation.columns import schema
from hilum.evaluation.metrics.roc_auc import split_by_label

DECISION_SCHEMA = schema("threshold model treat_all treat_none")


def decision_curve(
    labels: ArrayLike, probabilities: ArrayLike, thresholds: Sequence[float] = tuple(np.arange(1, 100) / 100)
) -> pl.DataFrame:
    """Compute the net benefit of one finding over threshold probabilities.

    Vickers & Elkin, Medical Decision Making 26:565-574 (2006).

    A threshold probability t weighs harm against benefit: one false positive costs t / (1 - t) true positives. Net
    benefit is true positives minus that weight times false positives, per image. It assumes calibrated probabilities
    and the prevalence of the clinic.

    Args:
        labels: (N,), 1, 0 or NaN (excluded).
        probabilities: (N,), 0 to 1.
        thresholds: T threshold probabilities, above 0 and below 1.

    Returns:
        T rows: threshold, and the net benefit of `model`, `treat_all` and `treat_none` (0).
    """
    positive, probability = split_by_label(labels, probabilities)
    at = np.asarray(thresholds, dtype=np.float64)
    if not len(positive):
        return pl.DataFrame(schema=DECISION_SCHEMA)
    weight = at / (1 - at)
    above = {
        side: len(scores) - np.searchsorted(np.sort(scores), at, side="left")
        for side, scores in ((True, probability[positive]), (False, probability[~positive]))
    }
    prevalence = positive.mean()
    columns = {
        "threshold": at,
        "model": (above[True] - weight * above[False]) / len(positive),
        "treat_all": prevalence - weight * (1 - prevalence),
        "treat_none": np.zeros_like(at),
    }
    return pl.DataFrame(columns, schema=DECISION_SCHEMA)
