"""Are the probabilities probabilities: Brier score, calibration error and the reliability curve behind it."""

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from hilum.evaluation.metrics.roc_auc import split_by_label

BINS = 15
"""Bins of equal width, as Guo et al. (ICML 2017, §2) use; the error depends on their number."""

RELIABILITY_SCHEMA = {
    "bin_lower": pl.Float64,
    "bin_upper": pl.Float64,
    "n": pl.Int64,
    "predicted": pl.Float64,
    "observed": pl.Float64,
}


def brier(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean squared distance of probability and truth (Brier, Monthly Weather Review 78:1-3, 1950), 0 to 1.

    Args:
        labels: (N,), 1, 0 or NaN (left out).
        probabilities: (N,), 0 to 1.

    Returns:
        0 is perfect; p (1 - p) is what a constant prediction of the share p gets. NaN without known labels.
    """
    positive, probability = split_by_label(labels, probabilities)
    return float(np.mean((probability - positive) ** 2)) if len(positive) else float("nan")


def expected_calibration_error(labels: ArrayLike, probabilities: ArrayLike, *, bins: int = BINS) -> float:
    """Mean distance of predicted and observed share over bins of equal width, weighted by their images.

    Naeini et al., AAAI 2015; Guo et al., ICML 2017, equation 3. It is above 0 even for perfect probabilities when bins
    hold few images, and a constant prediction of the prevalence has almost none: read it beside AUROC and Brier score.

    Args:
        labels: (N,), 1, 0 or NaN (left out).
        probabilities: (N,), 0 to 1.
        bins: how many; bin k holds k / bins < p <= (k + 1) / bins, the first also 0.

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
    """Observed share of positives against predicted probability.

    Args:
        labels: (N,), 1, 0 or NaN (left out).
        probabilities: (N,), 0 to 1.
        bins: how many at most; empty ones are not returned.
        equal: "width", or "images" for bins that hold about equally many (which rare findings need).

    Returns:
        Columns low, high (bounds of the bin), n (images), predicted (mean), observed (share), from low to high.
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
    """Which of the bins of equal width each probability is in, 0 to bins - 1."""
    bin_number: NDArray[np.int64] = np.clip(np.ceil(probability * bins).astype(np.int64) - 1, 0, bins - 1)
    return bin_number
