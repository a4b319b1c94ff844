"""Bootstrap of arms with several seeds: patients and seeds are resampled, per finding and over findings.

Seeds are replicates: the variation between trainings is a part of an arm's uncertainty. Each resample draws the
patients and, independently, S of the S seeds, both with replacement (Owen, "The pigeonhole bootstrap", Annals of
Applied Statistics 1:386-411, 2007). Noise that patients and seeds share is counted more than once: conservative where
seeds agree, and still too narrow with two or three seeds that differ much (docs/explanation/statistics.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.bootstrap import (
    bootstrap_counts,
    bootstrap_statistics,
    jackknife_statistics,
    point_estimate_counts,
)
from hilum.evaluation.metrics import AUROC, MACRO, Scored, compute_metrics, statistics_for
from hilum.evaluation.predictions import AlignedArms
from hilum.progress import ProgressReport, silent


@dataclass(frozen=True)
class Resampled:
    """One metric of one arm.

    Attributes:
        estimate: (R,), mean over seeds; rows are findings, then averages; NaN where undefined.
        resampled: (R, B), the same in each resample.
        jackknife: (R, P), the same without each patient, seeds not resampled; None where not requested.
    """

    estimate: NDArray[np.float64]
    resampled: NDArray[np.float64]
    jackknife: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class ArmResamples:
    """All metrics of one arm.

    Attributes:
        findings: F names.
        averages: A names of the rows after the findings.
        metrics: Metrics by name.
        seeds: Number of seeds.
        constant: (F,), True where a seed has the same score for all images.
    """

    findings: list[str]
    averages: tuple[str, ...]
    metrics: dict[str, Resampled]
    seeds: int
    constant: NDArray[np.bool_]

    def row(self, name: str) -> int:
        """Return the row of a finding or an average."""
        return [*self.findings, *self.averages].index(name)

    @property
    def auroc(self) -> Resampled:
        """AUROC."""
        return self.metrics[AUROC]


@dataclass(frozen=True)
class LayerResamples:
    """All metrics of all M layers (arms x seeds, in order); patients are resampled, seeds are not.

    Attributes:
        estimates: By metric, (M, R).
        resampled: By metric, (M, R, B).
        jackknife: By metric, (M, R, P), without each patient; empty where not requested.
        averages: Averages over findings, the last rows.
        n_bootstrap, seed: Number of resamples B and their random seed.
    """

    estimates: dict[str, NDArray[np.float64]]
    resampled: dict[str, NDArray[np.float64]]
    jackknife: dict[str, NDArray[np.float64]]
    averages: tuple[str, ...]
    n_bootstrap: int
    seed: int


def bootstrap_layers(
    aligned: AlignedArms,
    *,
    n_bootstrap: int,
    seed: int,
    included: NDArray[np.bool_],
    metrics: Sequence[str] = (AUROC,),
    averages: tuple[str, ...] = (MACRO,),
    thresholds: Mapping[str, NDArray[np.float64]] | None = None,
    strata: NDArray[np.integer] | None = None,
    jackknife: bool = False,
    threads: int | None = None,
    on_progress: ProgressReport = silent,
) -> LayerResamples:
    """Compute all metrics of every layer on the same resamples of patients.

    Args:
        aligned: Predictions of the arms.
        n_bootstrap: Number of resamples B.
        seed: Random seed of the resamples.
        included: (F,), findings in the averages.
        metrics: Names of `hilum.evaluation.metrics.registry.METRICS`.
        averages: Averages over findings.
        thresholds: For each arm (S, F), fixed in all resamples; for metrics at a threshold.
        strata: (P,), to resample patients within strata; None for no strata.
        jackknife: Also exclude each patient in turn.
        threads: None for all available ones.
        on_progress: Receives the number of completed resamples.
    """
    scored = Scored(
        labels=aligned.labels,
        layers=np.concatenate(list(aligned.scores.values())),
        patients=aligned.patients,
        included=included,
        thresholds=None if thresholds is None else np.concatenate([thresholds[arm] for arm in aligned.scores]),
        averages=averages,
    )
    statistics = statistics_for(scored, metrics, threads=threads)
    whole = {name: values[:, None] for name, values in point_estimate_counts(statistics, scored.units).items()}
    drawn = bootstrap_statistics(
        statistics,
        scored.units,
        n_bootstrap=n_bootstrap,
        seed=seed,
        strata=strata,
        threads=threads,
        on_progress=on_progress,
    )
    estimates, resampled = compute_metrics(whole, scored, metrics), compute_metrics(drawn, scored, metrics)
    without = (
        compute_metrics(jackknife_statistics(statistics, scored.units, threads=threads), scored, metrics)
        if jackknife
        else {}
    )
    point = {metric: values[:, :, 0] for metric, values in estimates.items()}
    return LayerResamples(point, resampled, without, averages, n_bootstrap, seed)


def arms_of_layers(aligned: AlignedArms, layers: LayerResamples) -> dict[str, ArmResamples]:
    """Average layers over seeds, in every resample over the seeds drawn there.

    Arms with equal numbers of seeds share the resamples of seeds.
    """
    results: dict[str, ArmResamples] = {}
    for arm, own in layers_of(aligned).items():
        scores = aligned.scores[arm]
        weights = seed_weights(len(scores), n_bootstrap=layers.n_bootstrap, seed=layers.seed)
        results[arm] = ArmResamples(
            findings=aligned.findings,
            averages=layers.averages,
            metrics={
                metric: Resampled(
                    estimate=values[own].mean(axis=0),
                    resampled=np.einsum("srb,sb->rb", layers.resampled[metric][own], weights),
                    jackknife=layers.jackknife[metric][own].mean(axis=0) if layers.jackknife else None,
                )
                for metric, values in layers.estimates.items()
            },
            seeds=len(scores),
            constant=(scores.max(axis=1) == scores.min(axis=1)).any(axis=0),
        )
    return results


def layers_of(aligned: AlignedArms) -> dict[str, slice]:
    """Return the slice of the M layers of each arm."""
    places, begin = {}, 0
    for arm, scores in aligned.scores.items():
        places[arm] = slice(begin, begin + len(scores))
        begin += len(scores)
    return places


def seed_weights(seeds: int, *, n_bootstrap: int, seed: int) -> NDArray[np.float64]:
    """Compute the weight of each seed in each resample, (S, B); columns sum to 1."""
    return bootstrap_counts(seeds, draws=seeds, n_bootstrap=n_bootstrap, seed=seed, stream=seeds) / seeds


def stratify_by_rarest_label(labels: NDArray[np.floating], patients: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the stratum of each patient: the patient's rarest positive finding, or none.

    With one finding these are patients with and without a positive image. With several, every resample contains
    patients of each rare finding.

    Args:
        labels: (N, F), 1, 0 or NaN (unknown).
        patients: (N,), 0 to P - 1.

    Returns:
        (P,), 0 for none, 1 to F from the rarest finding to the most common.
    """
    units = int(patients.max()) + 1
    has = np.zeros((units, labels.shape[1]), dtype=np.bool_)
    np.logical_or.at(has, patients, labels == 1)
    by_rarity = has[:, np.argsort(has.sum(axis=0), kind="stable")]
    return np.where(by_rarity.any(axis=1), by_rarity.argmax(axis=1) + 1, 0)
