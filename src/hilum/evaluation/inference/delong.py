"""DeLong's covariance of AUROCs, and Obuchowski's for patients with several images; both without resamples.

The component of a positive is the fraction of negatives it beats, that of a negative the fraction of positives that
beat it; ties count half. DeLong, DeLong & Clarke-Pearson, Biometrics 44:837-845 (1988), take the covariance of
components over images. Obuchowski, Biometrics 53:567-578 (1997), sums them by patient first, and adds the covariance
between a patient's positives and negatives. With one image a patient both are equal.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from hilum.evaluation.metrics import midranks


@dataclass(frozen=True)
class DeLong:
    """AUROCs of M models on the same images and their covariance.

    Attributes:
        aurocs: (M,).
        covariance: (M, M).
    """

    aurocs: NDArray[np.float64]
    covariance: NDArray[np.float64]

    def interval(self, model: int = 0, *, level: float = 0.95) -> tuple[float, float]:
        """Compute a confidence interval on the logit scale, which is within 0 and 1.

        Pepe, The Statistical Evaluation of Medical Tests for Classification and Prediction, 2003, §5.2.4. Its width is
        0, and it is not usable, where the AUROC is 0 or 1.
        """
        area, variance = float(self.aurocs[model]), float(self.covariance[model, model])
        if not 0 < area < 1 or not np.isfinite(variance):
            return area, area
        reach = NormalDist().inv_cdf((1 + level) / 2) * np.sqrt(variance) / (area * (1 - area))
        return float(expit(logit(area) - reach)), float(expit(logit(area) + reach))

    def difference(self, first: int, second: int, *, level: float = 0.95) -> tuple[float, float, float, float]:
        """Test first minus second, paired: difference, ci_low, ci_high, two-sided p (1 without variance)."""
        contrast = np.zeros(len(self.aurocs))
        contrast[first] += 1
        contrast[second] -= 1
        value = float(contrast @ self.aurocs)
        error = float(np.sqrt(max(float(contrast @ self.covariance @ contrast), 0.0)))
        reach = NormalDist().inv_cdf((1 + level) / 2) * error
        p = 2 * NormalDist().cdf(-abs(value) / error) if error > 0 else float(value == 0)
        return value, value - reach, value + reach, p


def delong(labels: ArrayLike, scores: ArrayLike, patients: ArrayLike | None = None) -> DeLong:
    """Compute AUROCs of one finding and their covariance by midranks.

    Sun & Xu, IEEE Signal Processing Letters 21:1389-1393 (2014).

    Args:
        labels: (N,), 1 positive, 0 negative, NaN unknown (excluded).
        scores: (N,) or (M, N), of M models.
        patients: (N,), patient ids; None with one image a patient.

    Returns:
        AUROCs NaN without positives or negatives; covariance NaN with fewer than two patients of either.
    """
    label = np.asarray(labels, dtype=np.float64)
    layers = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    known = ~np.isnan(label)
    positive, layers = label[known] == 1, layers[:, known]
    owners = np.arange(len(positive)) if patients is None else np.asarray(patients)[known]
    m, n = int(positive.sum()), int((~positive).sum())
    models = len(layers)
    if m == 0 or n == 0:
        return DeLong(np.full(models, np.nan), np.full((models, models), np.nan))
    ranks = np.stack([midranks(layer) for layer in layers])
    among = np.stack([_ranks_within(layer, positive) for layer in layers])
    component = np.where(positive, (ranks - among) / n, 1 - (ranks - among) / m)
    aurocs = component[:, positive].mean(axis=1)
    _, owner = np.unique(owners, return_inverse=True)
    excess = component - aurocs[:, None]
    of_positives, of_negatives = (
        np.stack([np.bincount(owner, weights=row * side, minlength=owner.max() + 1) for row in excess])
        for side in (positive, ~positive)
    )
    clusters = owner.max() + 1
    with_positives, with_negatives = (len(np.unique(owner[side])) for side in (positive, ~positive))
    if min(with_positives, with_negatives) < 2:
        return DeLong(aurocs, np.full((models, models), np.nan))
    between_positives = with_positives / (with_positives - 1) * (of_positives @ of_positives.T) / m**2
    between_negatives = with_negatives / (with_negatives - 1) * (of_negatives @ of_negatives.T) / n**2
    across = clusters / (clusters - 1) * (of_positives @ of_negatives.T) / (m * n)
    return DeLong(aurocs, between_positives + between_negatives + across + across.T)


def _ranks_within(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Compute midranks of positives among positives and of negatives among negatives, in the order of images."""
    ranks = np.empty(len(scores))
    ranks[positive], ranks[~positive] = midranks(scores[positive]), midranks(scores[~positive])
    return ranks
