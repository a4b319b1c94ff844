"""A joint test of several arms: whether any of them differs from any other.

DeLong's contrast (DeLong, DeLong & Clarke-Pearson, Biometrics 44:837-845, 1988), with patients as clusters and, where
arms have several seeds, seeds as random readers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, f

from hilum.evaluation.inference.obuchowski_rockette import SMALLEST_P, compare_seeds, seeds_vary


@dataclass(frozen=True)
class JointTest:
    """Whether several arms differ at all.

    Attributes:
        statistic: Wald's; chi-squared where nothing differs and covariances are known well.
        df: degrees of freedom, arms less 1 (fewer where some arms are the same model).
        df_error: of its denominator; infinity without seeds that vary.
        p: above 0 where something varies, 1 where nothing does.
    """

    statistic: float
    df: int
    df_error: float
    p: float


def joint_test(
    estimates: NDArray[np.float64], covariance: NDArray[np.float64], *, df_error: float = float("inf")
) -> JointTest:
    """Wald's test that K numbers are equal: (L x)' (L V L')^-1 (L x), L the contrasts with the first.

    Args:
        estimates: (K,).
        covariance: (K, K), of the estimates.
        df_error: degrees of freedom of the covariance; below infinity statistic / df is compared with F.
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
    """The joint test of arms with several seeds each, seeds nested in arms.

    The covariance of the arms' means is that over patients (between seeds, without each seed's own noise), and on its
    diagonal the mean square of seeds / S: Obuchowski and Rockette's. Degrees of freedom: the smallest of the pairs'; of
    arms with one seed those of the patients.

    Args:
        estimates: for each arm (S,), one number a seed.
        covariance: (sum of S, sum of S), over patients, in that order.
        patients: that the covariance rests on; None for many.
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
        own = [_own_noise(block) for block, varies in zip(blocks, several, strict=True) if varies]
        for at, (arm, block) in enumerate(zip(estimates, blocks, strict=True)):
            if several[at]:
                whole[at, at] = np.trace(block) / len(arm) - _own_noise(block)
                from_seeds[at] = mean_square / len(arm)
            elif len(arm) == 1:
                from_seeds[at] = max(mean_square - float(np.mean(own)), 0.0)
    return joint_test(means, _of_differences(whole) + np.diag(from_seeds), df_error=df_error)


def _of_differences(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The part of a covariance that differences see, without directions of negative variance.

    Where seeds of different arms happen to vary together more than those of one arm do, an estimate of the variance of
    a difference would be negative; of a pair Obuchowski and Rockette take 0 then.
    """
    centred = covariance - covariance.mean(axis=0) - covariance.mean(axis=1)[:, None] + covariance.mean()
    values, vectors = np.linalg.eigh((centred + centred.T) / 2)
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T, dtype=np.float64)


def _own_noise(block: NDArray[np.float64]) -> float:
    """Error variance less the covariance of two seeds."""
    number = len(block)
    return float(np.trace(block) / number - (block.sum() - np.trace(block)) / (number * (number - 1)))
