"""Joint test of several arms: Wald's test that all are equal.

DeLong's contrast (DeLong, DeLong & Clarke-Pearson, Biometrics 44:837-845, 1988), with patients as clusters and, for
arms with several seeds, seeds as random readers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, f

from hilum.evaluation.inference.obuchowski_rockette import SMALLEST_P, compare_seeds, own_noise, seeds_vary


@dataclass(frozen=True)
class JointTest:
    """Result of a joint test.

    Attributes:
        statistic: Wald statistic; chi-squared distributed under equal arms and well-known covariances.
        df: Degrees of freedom, number of arms - 1 (fewer where some arms are the same model).
        df_error: Degrees of freedom of the denominator; infinity without seeds that vary.
        p: p-value, above 0; 1 without any variance.
    """

    statistic: float
    df: int
    df_error: float
    p: float


def joint_test(
    estimates: NDArray[np.float64], covariance: NDArray[np.float64], *, df_error: float = float("inf")
) -> JointTest:
    """Test that K estimates are equal (Wald): (L x)' (L V L')^-1 (L x), L the contrasts with the first.

    Args:
        estimates: (K,).
        covariance: (K, K), covariance of the estimates.
        df_error: Degrees of freedom of the covariance; where finite, statistic / df is compared with F.
    """
    contrast = np.concatenate([-np.ones((len(estimates) - 1, 1)), np.eye(len(estimates) - 1)], axis=1)
    differences, of_differences = contrast @ estimates, contrast @ covariance @ contrast.T
    scale = np.abs(covariance).max()
    df = int(np.linalg.matrix_rank(of_differences, tol=1e-9 * scale)) if scale > 0 else 0
    if df == 0:
        return JointTest(0.0, 0, df_error, 1.0)
    inverse = np.linalg.pinv(of_differences, rcond=1e-9, hermitian=True)
    statistic = max(float(differences @ inverse @ differences), 0.0)
    p = chi2.sf(statistic, df) if np.isinf(df_error) else f.sf(statistic / df, df, df_error)
    return JointTest(statistic, df, df_error, max(float(p), SMALLEST_P))


def joint_test_of_seeds(
    estimates: Sequence[NDArray[np.float64]], covariance: NDArray[np.float64], *, patients: float | None = None
) -> JointTest:
    """Test jointly that arms with several seeds are equal; seeds are nested in arms (Obuchowski & Rockette).

    The covariance of the arms' means is that over patients (between seeds, without the noise of single seeds), plus the
    mean square of seeds / S on the diagonal. Degrees of freedom are the smallest of all pairs; for arms with one seed
    those of the patients.

    Args:
        estimates: For each arm (S,), one estimate a seed.
        covariance: (sum of S, sum of S), covariance over patients, in that order.
        patients: Number of patients of the covariance; None for many.
    """
    begins = np.cumsum([0, *(len(arm) for arm in estimates)])
    places = [slice(begin, end) for begin, end in pairwise(begins)]
    arms = len(estimates)
    means = np.array([arm.mean() for arm in estimates])
    whole = np.array([[covariance[one, two].mean() for two in places] for one in places])
    df_error = float("inf") if patients is None else max(patients - 1, 1.0)
    for one in range(arms):
        for two in range(one):
            chosen = np.r_[places[one], places[two]]
            pair = covariance[np.ix_(chosen, chosen)]
            if seeds_vary(estimates[one], estimates[two], pair):
                df_error = min(df_error, compare_seeds(estimates[one], estimates[two], pair, patients=patients).df)
    several = [len(arm) > 1 and float(np.ptp(arm)) > 0 for arm in estimates]
    from_seeds = np.zeros(arms)
    df = sum(len(arm) - 1 for arm, varies in zip(estimates, several, strict=True) if varies)
    if df:
        mean_square = sum(float(np.sum((arm - arm.mean()) ** 2)) for arm in estimates) / df
        blocks = [covariance[place, place] for place in places]
        own = [own_noise(block) for block, varies in zip(blocks, several, strict=True) if varies]
        for at, (arm, block) in enumerate(zip(estimates, blocks, strict=True)):
            if several[at]:
                whole[at, at] = np.trace(block) / len(arm) - own_noise(block)
                from_seeds[at] = mean_square / len(arm)
            elif len(arm) == 1:
                from_seeds[at] = max(mean_square - float(np.mean(own)), 0.0)
    return joint_test(means, _of_differences(whole) + np.diag(from_seeds), df_error=df_error)


def _of_differences(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre a covariance for differences, and set negative variances to 0.

    Where seeds of different arms covary more than seeds of one arm by chance, the estimated variance of a difference
    would be negative; Obuchowski and Rockette use 0 for a pair.
    """
    centred = covariance - covariance.mean(axis=0) - covariance.mean(axis=1)[:, None] + covariance.mean()
    values, vectors = np.linalg.eigh((centred + centred.T) / 2)
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T, dtype=np.float64)
