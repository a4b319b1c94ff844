"""Calibration of probabilities: Brier score, expected calibration error and reliability curve."""

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from hilum.evaluation.columns import schema
from hilum.evaluation.metrics.roc_auc import split_by_label

BINS = 15
"""Number of bins of equal width (Guo et al., ICML 2017, §2); the calibration error depends on it."""

RELIABILITY_SCHEMA = schema("bin_lower bin_upper n predicted observed")


def brier(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Compute the mean squared difference of probability and label (Brier, Monthly Weather Review 78:1-3, 1950).

    Args:
        labels: (N,), 1, 0 or NaN (excluded).
        probabilities: (N,), 0 to 1.

    Returns:
        0 (perfect) to 1; a constant prediction of the prevalence p has p (1 - p). NaN without known labels.
    """
    positive, probability = split_by_label(labels, probabilities)
    return float(np.mean((probability - positive) ** 2)) if len(positive) else float("nan")


def expected_calibration_error(labels: ArrayLike, probabilities: ArrayLike, *, bins: int = BINS) -> float:
    """Compute the mean difference of predicted and observed fraction over bins of equal width, weighted by images.

    Naeini et al., AAAI 2015; Guo et al., ICML 2017, equation 3. It is above 0 even for perfect probabilities where bins
    have few images, and near 0 for a constant prediction of the prevalence: report it with AUROC and Brier score.

    Args:
        labels: (N,), 1, 0 or NaN (excluded).
        probabilities: (N,), 0 to 1.
        bins: Number of bins; bin k contains k / bins < p <= (k + 1) / bins, the first also 0.

    Returns:
        0 to 1; NaN without known labels.
    """
    positive, probability = split_by_label(labels, probabilities)
    if not len(positive):
        return float("nan")
    excess = np.bincount(bin_of(probability, bins), weights=positive - probability, minlength=bins)
    return float(np.abs(excess).sum() / len(positive))


def reliability_curve(
    labels: ArrayLike, probabilities: ArrayLike, *, bins: int = 10, equal: str = "width"
) -> pl.DataFrame:
    """Compute the observed fraction of positives by predicted probability.

    Args:
        labels: (N,), 1, 0 or NaN (excluded).
        probabilities: (N,), 0 to 1.
        bins: Maximum number of bins; empty bins are not returned.
        equal: "width", or "images" for bins with about equal numbers of images (for rare findings).

    Returns:
        Columns bin_lower, bin_upper, n (images), predicted (mean), observed (fraction), in ascending order.
    """
    positive, probability = split_by_label(labels, probabilities)
    if not len(positive):
        return pl.DataFrame(schema=RELIABILITY_SCHEMA)
    edges = np.linspace(0, 1, bins + 1)
    if equal == "images":
        inner = np.unique(np.quantile(probability, edges[1:-1], method="inverted_cdf"))
        edges = np.unique(np.concatenate([[0.0], inner, [1.0]]))
    place = np.clip(np.searchsorted(edges, probability, side="left") - 1, 0, len(edges) - 2)
    count = np.bincount(place, minlength=len(edges) - 1)
    filled = np.flatnonzero(count)
    predicted, observed = (
        np.bincount(place, weights=values, minlength=len(edges) - 1)[filled] / count[filled]
        for values in (probability, positive)
    )
    columns = {
        "bin_lower": edges[filled],
        "bin_upper": edges[filled + 1],
        "n": count[filled],
        "predicted": predicted,
        "observed": observed,
    }
    return pl.DataFrame(columns, schema=RELIABILITY_SCHEMA)


def bin_of(probability: NDArray[np.floating], bins: int) -> NDArray[np.int64]:
    """Return the bin of equal width of each probability, 0 to bins - 1."""
    bin_number: NDArray[np.int64] = np.clip(np.ceil(probability * bins).astype(np.int64) - 1, 0, bins - 1)
    return bin_number
