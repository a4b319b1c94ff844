"""Net benefit: is acting on a model better than treating everybody, or nobody?"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from hilum.evaluation.metrics.roc_auc import split_by_label

DECISION_SCHEMA = {
    "threshold": pl.Float64,
    "model": pl.Float64,
    "treat_all": pl.Float64,
    "treat_none": pl.Float64,
}


def decision_curve(
    labels: ArrayLike, probabilities: ArrayLike, thresholds: Sequence[float] = tuple(np.arange(1, 100) / 100)
) -> pl.DataFrame:
    """Net benefit of one finding over threshold probabilities (Vickers & Elkin, Med Decis Making 26:565-574, 2006).

    A threshold probability t says how one weighs harm and use: t / (1 - t) false alarms are as bad as one found case is
    good. Net benefit is true positives minus that many times the false ones, an image. It presumes calibrated
    probabilities, and that the share of positives among the images is that of the clinic.

    Args:
        labels: (N,), 1, 0 or NaN (left out).
        probabilities: (N,), 0 to 1.
        thresholds: T threshold probabilities, above 0 and below 1.

    Returns:
        T rows: threshold, and the net benefit of acting on `model`, on `everybody`, on `nobody` (0).
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
    share = positive.mean()
    columns = {
        "threshold": at,
        "model": (above[True] - weight * above[False]) / len(positive),
        "treat_all": share - weight * (1 - share),
        "treat_none": np.zeros_like(at),
    }
    return pl.DataFrame(columns, schema=DECISION_SCHEMA)
