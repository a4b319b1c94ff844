"""Comparison of arms trained with several seeds, analysed as a reader study with random readers and random cases.

Obuchowski & Rockette (Comm Statist Simulation Comput 24:285-308, 1995): estimates vary between readers and, with a
separately estimated covariance, between samples of cases; degrees of freedom after Hillis (Statistics in Medicine
26:596-619, 2007). Here seeds are the readers and patients the cases.

Two designs (Hillis, Statistics in Medicine 33:330-360, 2014). `nested`: seeds of different arms are unrelated, such as
trainings with their own initial weights, order and augmentation (readers nested within tests). `factorial`: seed s of
both arms shares a source of variation, such as the drawn labels (every reader reads under every test). The nested
design has twice the degrees of freedom for two arms; the factorial one removes the shared variation.

With fewer than four degrees of freedom between seeds (two seeds, nested) Hillis's df are too large where the seeds
agree by chance: the type I error was 11 % instead of 5 % (benchmarks/seed_inference.py). There the half-widths of both
parts, each with its own t quantile, are added as squares (Howe, JASA 69:789-794, 1974).
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import bisect
from scipy.stats import t

FEW_DF = 4
"""Degrees of freedom between seeds below which half-widths are added as squares."""

SMALLEST_P = 1e-100
"""Lower bound of reported p-values; t quantiles beyond it overflow."""

SeedInference: TypeAlias = Literal["obuchowski_rockette", "bootstrap"]
SEED_INFERENCES: tuple[SeedInference, ...] = ("obuchowski_rockette", "bootstrap")
SeedDesign: TypeAlias = Literal["nested", "factorial"]
SEED_DESIGNS: tuple[SeedDesign, ...] = ("nested", "factorial")


@dataclass(frozen=True)
class SeedTest:
    """A difference of two arms and its variance components.

    Attributes:
        difference: First minus second, mean over seeds.
        between_seeds: Variance of one seed's estimate over trainings without the noise of the test set (sigma^2 of
            readers), at least 0.
        within_seeds: Variance from the test set that is not shared by the seeds of an arm (error variance - Cov2);
            in a mean it falls with seeds and with patients.
        between_patients: Variance of the difference that more seeds do not reduce (2 (Cov2 - Cov3)), at least 0.
        seeds: Numbers of seeds (first, second); 0 for an arm whose seeds are identical.
        share: Sum of 1 / seeds over both arms; 2 / seeds in the factorial design.
        from_seeds: Variance of the difference from seeds: mean square x share (factorial: / seeds).
        df_seeds: Degrees of freedom of the mean square.
        df_patients: Degrees of freedom of `between_patients`; infinity in Hillis's formula.
        design: `nested` or `factorial`.
    """

    difference: float
    between_seeds: float
    within_seeds: float
    between_patients: float
    seeds: tuple[int, int]
    share: float
    from_seeds: float
    df_seeds: int
    df_patients: float
    design: SeedDesign = "nested"

    @property
    def variance(self) -> float:
        """Variance of the difference."""
        return self.from_seeds + self.between_patients

    @property
    def standard_error(self) -> float:
        """Standard error of the difference."""
        return float(np.sqrt(self.variance))

    @property
    def df(self) -> float:
        """Hillis's degrees of freedom, with those of `between_patients` for few patients (Satterthwaite)."""
        spent = self.from_seeds**2 / self.df_seeds if self.df_seeds else 0.0
        spent += self.between_patients**2 / self.df_patients
        return float(self.variance**2 / spent) if spent > 0 else float("inf")

    def reach(self, significance: float = 0.05) -> float:
        """Compute the half-width of the two-sided interval at level 1 - `significance`."""
        if self.df_seeds >= FEW_DF:
            return float(t.isf(significance / 2, self.df)) * self.standard_error
        of_seeds = t.isf(significance / 2, self.df_seeds) * np.sqrt(self.from_seeds)
        return float(np.hypot(of_seeds, t.isf(significance / 2, self.df_patients) * np.sqrt(self.between_patients)))

    def interval(self, level: float = 0.95, *, within: float = float("inf")) -> tuple[float, float]:
        """Compute the confidence interval.

        Args:
            level: Confidence level, 0 to 1.
            within: Largest possible absolute difference, 1 for AUROC; the interval is clipped to it, which removes no
                possible value. With two or three seeds and few patients it would be wider.
        """
        reach = self.reach(1 - level)
        return max(self.difference - reach, -within), min(self.difference + reach, within)

    def p(self) -> float:
        """Compute the two-sided p-value of "no difference", above 0; 1 without a difference and without variance."""
        return self._tail(abs(self.difference))

    def beyond(self, margin: float) -> tuple[float, float]:
        """Compute one-sided p-values of "worse by the margin or more" and of "better by the margin or more"."""
        return self._above(self.difference + margin), self._above(margin - self.difference)

    def detectable(self, *, power: float = 0.8, significance: float = 0.05) -> float:
        """Compute the smallest true difference that such a test detects with the given power."""
        return self.reach(significance) + float(t.isf(1 - power, self.df)) * self.standard_error

    def _above(self, distance: float) -> float:
        """Compute the one-sided p-value of "at most zero" of an estimate at this distance above zero."""
        half = self._tail(abs(distance)) / 2
        return half if distance >= 0 else 1 - half

    def _tail(self, distance: float) -> float:
        """Compute the significance level at which the half-width is equal to the distance."""
        smallest = SMALLEST_P
        if self.variance == 0:
            return 1.0 if distance == 0 else smallest
        if self.df_seeds >= FEW_DF:
            return max(float(2 * t.sf(distance / self.standard_error, self.df)), smallest)
        if self.reach(smallest) < distance:
            return smallest
        return float(np.exp(bisect(lambda logarithm: self.reach(np.exp(logarithm)) - distance, np.log(smallest), 0.0)))


def compare_seeds(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    covariance: NDArray[np.float64],
    *,
    design: SeedDesign = "nested",
    patients: float | None = None,
) -> SeedTest:
    """Compare two arms by Obuchowski and Rockette's test with Hillis's degrees of freedom.

    Nested: Var = MS (1 / S1 + 1 / S2) + max(Cov within first + Cov within second - 2 Cov between, 0), with MS the
    mean square of seeds within arms; E(MS) is the variance between seeds from training and test set together, so that
    it is not counted twice. With equal numbers of seeds this is Hillis's 2 (MS + S max(Cov2 - Cov3, 0)) / S, with
    df = 2 (S - 1) (1 + S max(Cov2 - Cov3, 0) / MS)^2. Factorial: the same with the mean square of arm x seed, S - 1.

    Args:
        first, second: (S1,), (S2,), one estimate a seed. At least one arm has two seeds; an arm with identical seeds (a
            deterministic model) adds no variance between seeds.
        covariance: (S1 + S2, S1 + S2), covariance over patients of the given seeds.
        design: `nested` or `factorial`; the latter needs equal numbers of seeds, in the same order.
        patients: Number of patients of the covariance, for its degrees of freedom; None for many.

    Raises:
        ValueError: No arm has two seeds that differ (see `seeds_vary`), or unequal numbers of seeds in a factorial
            design.
    """
    if design == "factorial" and (len(first) != len(second) or len(first) < 2):
        raise ValueError("a factorial design needs the same two or more seeds in both arms")
    df_patients = float("inf") if patients is None else max(patients - 1, 1.0)
    if design == "factorial":
        return _factorial(first, second, covariance, df_patients)
    return _nested(first, second, covariance, df_patients)


def seeds_vary(first: NDArray[np.float64], second: NDArray[np.float64], covariance: NDArray[np.float64]) -> bool:
    """Return True where an arm has two or more seeds that are not identical; arguments as `compare_seeds`."""
    own, their = covariance[: len(first), : len(first)], covariance[len(first) :, len(first) :]
    arms = ((first, own), (second, their))
    return any(len(arm) > 1 and not _is_fixed(arm, block) for arm, block in arms)


def _nested(
    first: NDArray[np.float64], second: NDArray[np.float64], covariance: NDArray[np.float64], df_patients: float
) -> SeedTest:
    numbers = len(first), len(second)
    blocks = covariance[: numbers[0], : numbers[0]], covariance[numbers[0] :, numbers[0] :]
    fixed = [_is_fixed(arm, block) for arm, block in zip((first, second), blocks, strict=True)]
    several = [n > 1 and not still for n, still in zip(numbers, fixed, strict=True)]
    if not any(several):
        raise ValueError("no arm has two seeds that differ: the variance between seeds is unknown")
    squares = sum(float(np.sum((arm - arm.mean()) ** 2)) for arm, s in zip((first, second), several, strict=True) if s)
    df = sum(n - 1 for n, s in zip(numbers, several, strict=True) if s)
    own = [own_noise(block) for block, s in zip(blocks, several, strict=True) if s]
    within = max(float(np.mean(own)), 0.0) if own else 0.0
    shared = 0.0
    for block, n, still in zip(blocks, numbers, fixed, strict=True):
        shared += float(block.mean()) if still else (_off_diagonal(block) if n > 1 else float(block[0, 0]) - within)
    shared -= 2 * float(covariance[: numbers[0], numbers[0] :].mean())
    mean_square = squares / df
    share = sum(1 / n for n, still in zip(numbers, fixed, strict=True) if not still)
    return SeedTest(
        difference=float(first.mean() - second.mean()),
        between_seeds=max(mean_square - within, 0.0),
        within_seeds=within,
        between_patients=max(shared, 0.0),
        seeds=(0 if fixed[0] else numbers[0], 0 if fixed[1] else numbers[1]),
        share=share,
        from_seeds=mean_square * share,
        df_seeds=df,
        df_patients=df_patients,
    )


def _factorial(
    first: NDArray[np.float64], second: NDArray[np.float64], covariance: NDArray[np.float64], df_patients: float
) -> SeedTest:
    seeds = len(first)
    differences = first - second
    contrast = np.concatenate([np.eye(seeds), -np.eye(seeds)], axis=1)
    of_differences = contrast @ covariance @ contrast.T
    within = max(own_noise(of_differences), 0.0)
    mean_square = float(np.var(differences, ddof=1))
    return SeedTest(
        difference=float(differences.mean()),
        between_seeds=max(mean_square - within, 0.0) / 2,
        within_seeds=within / 2,
        between_patients=max(_off_diagonal(of_differences), 0.0),
        seeds=(seeds, seeds),
        share=2 / seeds,
        from_seeds=mean_square / seeds,
        df_seeds=seeds - 1,
        df_patients=df_patients,
        design="factorial",
    )


def _is_fixed(numbers: NDArray[np.float64], block: NDArray[np.float64]) -> bool:
    """Return True where all seeds of an arm have the same scores."""
    return (
        len(numbers) > 1 and float(np.ptp(numbers)) == 0 and float(np.ptp(block)) <= 1e-9 * float(np.abs(block).max())
    )


def _off_diagonal(block: NDArray[np.float64]) -> float:
    """Compute the mean covariance of two different seeds."""
    number = len(block)
    return float((block.sum() - np.trace(block)) / (number * (number - 1)))


def own_noise(block: NDArray[np.float64]) -> float:
    """Compute the error variance minus the covariance of two seeds."""
    return float(np.trace(block) / len(block)) - _off_diagonal(block)
