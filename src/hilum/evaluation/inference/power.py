"""Power analysis of a test set before training: the smallest AUROC difference that a paired test detects.

Variance by Hanley & McNeil (Radiology 143:29-36, 1982), correlation between arms as in their second paper (Radiology
148:839-843, 1983), and a design effect for patients with several images (Kish, Survey Sampling, 1965, §8.2).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import t

from hilum.errors import HilumError
from hilum.evaluation.inference.hanley_mcneil import auroc_variance
from hilum.evaluation.inference.obuchowski_rockette import FEW_DF, SeedTest
from hilum.wording import counted

AUROC_BEFOREHAND = 0.8
ARMS_CORRELATION = 0.5
WITHIN_PATIENTS = 0.5
BETWEEN_FINDINGS = 0.2


@dataclass(frozen=True)
class Assumptions:
    """Assumptions of a power analysis without predictions.

    Attributes:
        auroc: AUROC of the weaker arm, above 0 and below 1.
        correlation: Correlation of the two arms' AUROCs over test sets, 0 to below 1. Arms with the same architecture
            and data mostly have 0.4 to 0.8; a lower value is conservative.
        within_patients: Correlation of images of one patient, 0 (each image counts as a patient) to 1 (all images count
            as one).
        between_findings: Correlation of the findings' differences, for the mean over findings, 0 to 1.
        power: Statistical power.
        significance: Two-sided significance level.
        seeds: Number of seeds of each arm; with several the test is Obuchowski and Rockette's, with its degrees of
            freedom.
        seed_sd: Standard deviation of one seed's (mean) AUROC over trainings, 0 or more; needs several seeds.
    """

    auroc: float = AUROC_BEFOREHAND
    correlation: float = ARMS_CORRELATION
    within_patients: float = WITHIN_PATIENTS
    between_findings: float = BETWEEN_FINDINGS
    power: float = 0.8
    significance: float = 0.05
    seeds: int = 1
    seed_sd: float = 0.0

    def __post_init__(self) -> None:
        if self.seeds < 1 or self.seed_sd < 0 or (self.seed_sd > 0 and self.seeds < 2):
            found, fix = (
                f"{self.seeds} seeds, SD {self.seed_sd:g}",
                "With one seed the variance between runs is unknown.",
            )
            raise HilumError("seeds", expected="two seeds or more where runs differ", found=found, fix=fix)
        for name, low, high in (
            ("auroc", 0.0, 1.0),
            ("correlation", -1e-9, 1.0),
            ("within_patients", -1e-9, 1 + 1e-9),
            ("between_findings", -1e-9, 1 + 1e-9),
            ("power", 0.0, 1.0),
            ("significance", 0.0, 1.0),
        ):
            if not low < getattr(self, name) < high:
                found, fix = str(getattr(self, name)), "Give a number in that range."
                raise HilumError(
                    name, expected="a number from 0 to 1, its ends where they make sense", found=found, fix=fix
                )


@dataclass(frozen=True)
class TestSet:
    """Numbers of cases of a finding.

    Attributes:
        positives, negatives: Numbers of images, at least 2 each.
        patients: Number of patients of these images; None with one image a patient.
    """

    __test__ = False

    positives: int
    negatives: int
    patients: int | None = None

    def design_effect(self, within_patients: float) -> float:
        """Compute the number of images equivalent to one independent image (Kish)."""
        if self.patients is None:
            return 1.0
        images_each = (self.positives + self.negatives) / self.patients
        return 1 + (images_each - 1) * within_patients


def smallest_detectable_difference(
    test_set: TestSet | Mapping[str, TestSet], assumptions: Assumptions | None = None
) -> float:
    """Compute the smallest AUROC difference that such a test set detects with the given power.

    Solves d = z(1 - significance / 2) s(0) + z(power) s(d), where s(d) is the standard error of the paired difference
    of arms with AUROC A and A + d; with several seeds that differ, t instead of z and 2 seed_sd^2 / seeds added to the
    variance. Not adjusted for multiple comparisons.

    Args:
        test_set: Counts of one finding; or of several, by name, for the difference of their mean AUROCs.
        assumptions: None for the defaults.

    Returns:
        Above 0; NaN where even a perfect second arm would not be distinguished from the first.

    Raises:
        HilumError: Fewer than two positives or negatives, more patients than images, or an assumption out of range.
    """
    assumed = assumptions or Assumptions()
    findings = test_set if isinstance(test_set, Mapping) else {"": test_set}
    for name, counts in findings.items():
        _check(name, counts)
    without = _test_of(findings, assumed, 0.0)

    def short_of(difference: float) -> float:
        under = _test_of(findings, assumed, difference)
        reach = without.reach(assumed.significance)
        return difference - reach - float(t.isf(1 - assumed.power, without.df)) * under.standard_error

    largest = 1 - assumed.auroc
    if short_of(largest) < 0:
        return float("nan")
    return float(brentq(short_of, 0.0, largest, xtol=1e-8))


def images_for_difference(
    test_set: TestSet, difference: float, assumptions: Assumptions | None = None
) -> TestSet | None:
    """Compute the smallest test set of the same proportions that detects an AUROC difference with the given power.

    Args:
        test_set: Counts with the required proportions.
        difference: AUROC difference above 0.
        assumptions: None for the defaults.

    Returns:
        Counts; None where 10,000 times as many images do not suffice, because seeds differ too much.
    """

    def shows(times: float) -> bool:
        smallest = smallest_detectable_difference(_times(test_set, times), assumptions)
        return smallest == smallest and smallest <= difference

    low, high = np.log(2 / min(test_set.positives, test_set.negatives)), np.log(1e4)
    if not shows(float(np.exp(high))):
        return None
    if shows(float(np.exp(low))):
        return _times(test_set, float(np.exp(low)))
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if shows(float(np.exp(middle))) else (middle, high)
    return _times(test_set, float(np.exp(high)))


def _times(test_set: TestSet, times: float) -> TestSet:
    positives, negatives = (max(2, int(np.ceil(times * side))) for side in (test_set.positives, test_set.negatives))
    patients = None if test_set.patients is None else int(np.ceil(times * test_set.patients))
    return TestSet(positives, negatives, None if patients is None else max(2, min(patients, positives + negatives)))


def _test_of(findings: Mapping[str, TestSet], assumed: Assumptions, difference: float) -> SeedTest:
    """Make the test of two arms with this difference: patients' variance by Hanley & McNeil, seeds' as assumed."""
    share = 2 / assumed.seeds if assumed.seed_sd else 0.0
    return SeedTest(
        difference=difference,
        between_seeds=assumed.seed_sd**2,
        within_seeds=0.0,
        between_patients=_standard_error(findings, assumed, difference) ** 2,
        seeds=(assumed.seeds, assumed.seeds),
        share=share,
        from_seeds=assumed.seed_sd**2 * share,
        df_seeds=2 * (assumed.seeds - 1) if assumed.seed_sd else FEW_DF,
        df_patients=float("inf"),
    )


def _standard_error(findings: Mapping[str, TestSet], assumed: Assumptions, difference: float) -> float:
    """Compute the standard error of the (mean) paired difference, equal in all findings."""
    errors = np.array([_error_of_one(counts, assumed, difference) for counts in findings.values()])
    together = assumed.between_findings * errors.sum() ** 2 + (1 - assumed.between_findings) * np.sum(errors**2)
    return float(np.sqrt(together)) / len(errors)


def _error_of_one(counts: TestSet, assumed: Assumptions, difference: float) -> float:
    inflated = counts.design_effect(assumed.within_patients)
    positives, negatives = (max(side / inflated, 1.0) for side in (counts.positives, counts.negatives))
    one, two = (auroc_variance(area, positives, negatives) for area in (assumed.auroc, assumed.auroc + difference))
    return float(np.sqrt(one + two - 2 * assumed.correlation * np.sqrt(one * two)))


def _check(name: str, counts: TestSet) -> None:
    where = f"counts of {name}" if name else "counts"
    if min(counts.positives, counts.negatives) < 2:
        found = f"{counts.positives} positives and {counts.negatives} negatives"
        fix = "Exclude findings with fewer cases: no difference can be shown."
        raise HilumError(where, expected="at least two positives and two negatives", found=found, fix=fix)
    images = counts.positives + counts.negatives
    if counts.patients is not None and not 2 <= counts.patients <= images:
        found = counted(counts.patients, "patient")
        raise HilumError(where, expected=f"2 to {counted(images, 'patient')}", found=found, fix="Correct --patients.")
