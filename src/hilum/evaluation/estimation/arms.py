"""Bootstrapped arms: all metrics on the same resamples, the source of every result table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from hilum.declared import check_ranges
from hilum.errors import HilumError
from hilum.evaluation.bootstrap.config import BootstrapConfig, IntervalKind
from hilum.evaluation.estimation.seeds import (
    ArmResamples,
    LayerResamples,
    Resampled,
    arms_of_layers,
    bootstrap_layers,
    layers_of,
    stratify_by_rarest_label,
)
from hilum.evaluation.inference import (
    SEED_DESIGNS,
    SEED_INFERENCES,
    JointTest,
    LayerCovariance,
    SeedDesign,
    SeedInference,
    SeedTest,
    auroc_covariance,
    bca_interval,
    bootstrap_covariance,
    compare_seeds,
    effective_n_patients,
    joint_test_of_seeds,
    percentile_interval,
    seeds_vary,
)
from hilum.evaluation.metrics import AUROC, AVERAGES, MACRO, check_metrics
from hilum.evaluation.predictions import LEAST_PATIENTS, AlignedArms, Cases, Predictions, count_cases
from hilum.evaluation.predictions.align import align
from hilum.evaluation.settings import EvaluationSettings
from hilum.evaluation.thresholds import Thresholds
from hilum.progress import ProgressReport, silent

LEAST_JOINT = 3
"""Minimum number of arms of a joint test; with two arms it is the pairwise test."""


@dataclass(frozen=True)
class BootstrappedArms:
    """Arms with their metrics and the metrics in every resample.

    Attributes:
        aligned: Predictions of the arms.
        cases: Counts of images and patients.
        included: (F,), findings that are tested and in the averages.
        min_positive_patients: Positive (and negative) patients a finding needs to be included.
        metrics: Names of the metrics, in order.
        averages: Averages over findings.
        arms: Resamples by arm, in order.
        interval: Kind of confidence interval.
        optimistic: True where thresholds were chosen on the evaluated images.
        covariance: Covariance of all layers (arms x seeds) by metric, for Obuchowski and Rockette's test of arms with
            several seeds and the joint test of several arms; empty where arms are compared by their resamples.
        seed_design: Design of that test.
    """

    aligned: AlignedArms
    cases: Cases
    included: NDArray[np.bool_]
    min_positive_patients: int
    metrics: tuple[str, ...]
    averages: tuple[str, ...]
    arms: dict[str, ArmResamples]
    interval: IntervalKind
    optimistic: bool
    covariance: dict[str, LayerCovariance] = field(default_factory=dict)
    seed_design: SeedDesign = "nested"

    @property
    def findings(self) -> list[str]:
        """F names."""
        return self.aligned.findings

    def effective_n_patients(self, row: int) -> float | None:
        """Return the number of patients (of the rarer class) an interval is expanded for; None for plain intervals.

        Args:
            row: Row of a finding with two positive and two negative patients, or of an average.
        """
        if self.interval != "expanded":
            return None
        rarer = np.minimum(self.cases.positive_patients, self.cases.negative_patients)
        if row < len(self.findings):
            return float(rarer[row])
        return effective_n_patients(rarer[self.included]) if self.included.any() else None

    def interval_of(self, resampled: Resampled, row: int) -> tuple[float, float]:
        """Compute the 95 % interval, of the kind `interval`, of an estimate or a difference of estimates.

        Args:
            resampled: Estimates of R rows and their resamples.
            row: As in `effective_n_patients`.

        Returns:
            NaN if the estimate is undefined.
        """
        if not np.isfinite(resampled.estimate[row]):
            return float("nan"), float("nan")
        if self.interval == "bca" and resampled.jackknife is not None:
            return bca_interval(float(resampled.estimate[row]), resampled.resampled[row], resampled.jackknife[row])
        return percentile_interval(resampled.resampled[row], patients=self.effective_n_patients(row))

    def seed_test(self, metric: str, arm: str, other: str, row: int) -> SeedTest | None:
        """Test arm minus other with seeds as random readers (Obuchowski & Rockette).

        Returns:
            None where the bootstrap is used instead: without several seeds that differ, or without an estimate.
        """
        if metric not in self.covariance:
            return None
        places = layers_of(self.aligned)
        own, their = places[arm], places[other]
        values, whole = self.covariance[metric].estimates[row], self.covariance[metric].covariance[row]
        chosen = np.r_[own, their]
        first, second, covariance = values[own], values[their], whole[np.ix_(chosen, chosen)]
        if not np.isfinite(covariance).all() or not np.isfinite(values[chosen]).all():
            return None
        if not seeds_vary(first, second, covariance):
            return None
        design = self.seed_design if len(first) == len(second) else "nested"
        return compare_seeds(first, second, covariance, design=design, patients=self.effective_n_patients(row))

    def joint_test(self, metric: str, row: int) -> JointTest | None:
        """Test whether any of three or more arms differs from any other; None without a covariance."""
        if metric not in self.covariance or len(self.arms) < LEAST_JOINT:
            return None
        values, covariance = self.covariance[metric].estimates[row], self.covariance[metric].covariance[row]
        if not np.isfinite(values).all() or not np.isfinite(covariance).all():
            return None
        of_arms = [values[place] for place in layers_of(self.aligned).values()]
        return joint_test_of_seeds(of_arms, covariance, patients=self.effective_n_patients(row))


class MeasureOptions(TypedDict, total=False):
    """Arguments of `measure_arms` that functions of tables pass on."""

    metrics: Sequence[str]
    averages: Sequence[str]
    interval: IntervalKind
    stratified: bool
    n_bootstrap: int
    seed: int
    min_positive_patients: int
    seed_inference: SeedInference
    seed_design: SeedDesign
    on_progress: ProgressReport


def measure_arms(
    arms: Mapping[str, Sequence[Predictions]],
    *,
    metrics: Sequence[str] = (AUROC,),
    averages: Sequence[str] = (MACRO,),
    thresholds: Mapping[str, Sequence[Thresholds]] | None = None,
    interval: IntervalKind = BootstrapConfig.interval,
    stratified: bool = False,
    n_bootstrap: int = BootstrapConfig.n_bootstrap,
    seed: int = 0,
    min_positive_patients: int = EvaluationSettings.min_positive_patients,
    seed_inference: SeedInference = "obuchowski_rockette",
    seed_design: SeedDesign = "nested",
    threads: int | None = None,
    on_progress: ProgressReport = silent,
) -> BootstrappedArms:
    """Bootstrap all arms, findings and metrics on the same resamples of patients (and seeds).

    Args:
        arms: For each arm its predictions, one table a seed, all of the same images.
        metrics: Names of `hilum.evaluation.METRICS`.
        averages: Averages over findings: macro, weighted (by positives), micro (pooled over findings). Tables of one
            finding have none: they would repeat its estimate with another interval.
        thresholds: For each arm one a seed, in the same order; needed by sensitivity, specificity and other metrics at
            a threshold. They are fixed in resamples.
        interval: Kind of confidence interval: expanded (t-expanded percentiles), percentile, or bca (bias-corrected and
            accelerated; uses the jackknife).
        stratified: Resample patients within strata of their rarest finding.
        n_bootstrap, seed: As in `hilum.evaluation.BootstrapConfig`.
        min_positive_patients: Findings with fewer positive (or negative) patients are excluded from averages and not
            tested; at least two.
        seed_inference: Test of arms with several seeds: `obuchowski_rockette` (with `interval` expanded), or
            `bootstrap`, which resamples seeds and patients. Percentile and bca intervals always use resamples.
        seed_design: `nested`: seeds of different arms are unrelated; `factorial`: seed s of all arms shares something
            relevant, such as the drawn labels. For `obuchowski_rockette`.
        threads: None for all available ones.
        on_progress: Receives the number of completed resamples.

    Raises:
        HilumError: Predictions do not match, metrics are unknown, thresholds are missing, or too few resamples.
    """
    check_ranges(BootstrapConfig, n_bootstrap=n_bootstrap, interval=interval, seed=seed)
    check_metrics(metrics, thresholds=thresholds is not None)
    _check_one_of("averages", averages, AVERAGES)
    _check_one_of("seed_inference", [seed_inference], SEED_INFERENCES)
    _check_one_of("seed_design", [seed_design], SEED_DESIGNS)
    min_positive_patients = max(min_positive_patients, LEAST_PATIENTS)
    aligned = align(arms)
    averages = () if len(aligned.findings) == 1 else tuple(averages)
    cases = count_cases(aligned.labels, aligned.patients)
    included = cases.enough(min_positive_patients)
    layers = bootstrap_layers(
        aligned,
        n_bootstrap=n_bootstrap,
        seed=seed,
        included=included,
        metrics=metrics,
        averages=averages,
        thresholds=None if thresholds is None else _in_order(thresholds, arms, aligned.findings),
        strata=stratify_by_rarest_label(aligned.labels, aligned.patients) if stratified else None,
        jackknife=interval == "bca",
        threads=threads,
        on_progress=on_progress,
    )
    by_seeds = seed_inference == "obuchowski_rockette" and interval == "expanded"
    several = len(arms) >= LEAST_JOINT or (len(arms) > 1 and any(len(each) > 1 for each in aligned.scores.values()))
    return BootstrappedArms(
        aligned,
        cases,
        included,
        min_positive_patients,
        tuple(metrics),
        averages,
        arms_of_layers(aligned, layers),
        interval,
        any(one.optimistic for each in (thresholds or {}).values() for one in each),
        _covariance(aligned, layers, included, averages, threads) if by_seeds and several else {},
        seed_design,
    )


def _covariance(
    aligned: AlignedArms,
    layers: LayerResamples,
    included: NDArray[np.bool_],
    averages: tuple[str, ...],
    threads: int | None,
) -> dict[str, LayerCovariance]:
    """Compute the covariance of all layers over patients: exact for AUROC and its mean, by bootstrap for the rest."""
    made = {
        metric: bootstrap_covariance(values, layers.resampled[metric]) for metric, values in layers.estimates.items()
    }
    if AUROC in made:
        scores = np.concatenate(list(aligned.scores.values()))
        exact = auroc_covariance(aligned.labels, scores, aligned.patients, mean_over=included, threads=threads)
        rows = [
            *range(len(aligned.findings)),
            *([len(aligned.findings) + averages.index(MACRO)] if MACRO in averages else []),
        ]
        made[AUROC].covariance[rows] = exact.covariance[: len(rows)]
    return made


def _in_order(
    thresholds: Mapping[str, Sequence[Thresholds]], arms: Mapping[str, Sequence[Predictions]], findings: list[str]
) -> dict[str, NDArray[np.float64]]:
    """Return the thresholds of each arm, (S, F)."""
    ordered = {}
    for arm, seeds in arms.items():
        given = thresholds.get(arm, [])
        if len(given) != len(seeds):
            raise HilumError(
                f"thresholds of {arm or 'the arm'}",
                expected=f"one for each of {len(seeds)} seeds",
                found=str(len(given)),
                fix="Choose thresholds on the validation predictions of every seed.",
            )
        ordered[arm] = np.stack([one.of(findings) for one in given])
    return ordered


def _check_one_of(where: str, given: Sequence[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise HilumError(where, expected=" or ".join(known), found=name, fix="Choose one of these.")
