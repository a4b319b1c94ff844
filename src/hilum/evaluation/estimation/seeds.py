"""An arm in every resample: the mean over its seeds, with patients and seeds resampled, per finding and over findings.

Seeds are replicates: training anew is part of what an arm's number could have been. Each resample draws the patients
and, independently, S of the S seeds, both with replacement (Owen, "The pigeonhole bootstrap", Annals of Applied
Statistics 1:386-411, 2007). That counts the part of the noise that patients and seeds share more than once, which makes
it conservative where seeds agree; with two or three seeds that differ much it still says too little
(docs/explanation/statistics.md).
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
from hilum.evaluation.metrics import AUROC, MACRO, Scored, measured, statistics_for
from hilum.evaluation.predictions import AlignedArms
from hilum.progress import ProgressReport, silent


@dataclass(frozen=True)
class Resampled:
    """One metric of one arm.

    Attributes:
        estimate: (R,), mean over seeds; rows are findings, then averages; NaN where undefined.
        resampled: (R, B), the same in each resample.
        jackknife: (R, P), the same without each patient, seeds as they are; None where it was not asked for.
    """

    estimate: NDArray[np.float64]
    resampled: NDArray[np.float64]
    jackknife: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class ArmResamples:
    """All metrics of one arm.

    Attributes:
        findings: F names.
        averages: A names; the rows after the findings.
        metrics: by name.
        seeds: how many.
        constant: (F,), whether a seed gave all images the same score.
    """

    findings: list[str]
    averages: tuple[str, ...]
    metrics: dict[str, Resampled]
    seeds: int
    constant: NDArray[np.bool_]

    def row(self, name: str) -> int:
        """Where a finding or an average is."""
        return [*self.findings, *self.averages].index(name)

    @property
    def auroc(self) -> Resampled:
        """AUROC."""
        return self.metrics[AUROC]


@dataclass(frozen=True)
class LayerResamples:
    """All metrics of all M layers (arms x seeds, in order), patients resampled and seeds as they are.

    Attributes:
        estimates: by metric (M, R).
        resampled: by metric (M, R, B).
        jackknife: by metric (M, R, P), without each patient; empty where it was not asked for.
    """

    estimates: dict[str, NDArray[np.float64]]
    resampled: dict[str, NDArray[np.float64]]
    jackknife: dict[str, NDArray[np.float64]]


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
    """All metrics of every layer by itself on the same resamples of patients; arguments as `bootstrap_arms`."""
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
    estimates, resampled = measured(whole, scored, metrics), measured(drawn, scored, metrics)
    without = (
        measured(jackknife_statistics(statistics, scored.units, threads=threads), scored, metrics) if jackknife else {}
    )
    return LayerResamples({metric: values[:, :, 0] for metric, values in estimates.items()}, resampled, without)


def bootstrap_arms(
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
) -> dict[str, ArmResamples]:
    """All arms on the same resamples of patients; arms with the same number of seeds also on the same resamples of
    seeds.

    Args:
        aligned: the arms.
        n_bootstrap: B.
        seed: of the resamples.
        included: (F,), findings that averages are made of.
        metrics: names of `hilum.evaluation.metrics.registry.METRICS`.
        averages: rows over findings.
        thresholds: for each arm (S, F); stay fixed in resamples. Needed by the metrics at a threshold.
        strata: (P,), to resample patients within strata; None for all together.
        jackknife: whether to leave out each patient in turn, too.
        threads: None for as many as this process may use.
        on_progress: receives the resamples done.
    """
    layers = bootstrap_layers(
        aligned,
        n_bootstrap=n_bootstrap,
        seed=seed,
        included=included,
        metrics=metrics,
        averages=averages,
        thresholds=thresholds,
        strata=strata,
        jackknife=jackknife,
        threads=threads,
        on_progress=on_progress,
    )
    return arms_of_layers(aligned, layers, averages=averages, n_bootstrap=n_bootstrap, seed=seed)


def arms_of_layers(
    aligned: AlignedArms, layers: LayerResamples, *, averages: tuple[str, ...], n_bootstrap: int, seed: int
) -> dict[str, ArmResamples]:
    """Means over seeds, and in every resample over the seeds that were drawn there; arguments as `bootstrap_arms`."""
    results: dict[str, ArmResamples] = {}
    for arm, own in layers_of(aligned).items():
        scores = aligned.scores[arm]
        weights = seed_weights(len(scores), n_bootstrap=n_bootstrap, seed=seed)
        results[arm] = ArmResamples(
            findings=aligned.findings,
            averages=averages,
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
    """Which of the M layers are each arm's seeds."""
    places, begin = {}, 0
    for arm, scores in aligned.scores.items():
        places[arm] = slice(begin, begin + len(scores))
        begin += len(scores)
    return places


def seed_weights(seeds: int, *, n_bootstrap: int, seed: int) -> NDArray[np.float64]:
    """How much each seed counts in each resample, (S, B); columns sum to 1."""
    return bootstrap_counts(seeds, draws=seeds, n_bootstrap=n_bootstrap, seed=seed, stream=seeds) / seeds


def stratify_by_rarest_label(labels: NDArray[np.floating], patients: NDArray[np.int32]) -> NDArray[np.int64]:
    """Stratum of each patient: the rarest finding that one of the patient's images is positive for, or none.

    With one finding these are the patients with and without a positive. With several, each rare finding keeps its
    patients in every resample, so that no resample lacks them.

    Args:
        labels: (N, F), 1, 0 or NaN (unknown).
        patients: (N,), 0 to P - 1.

    Returns:
        (P,), 0 for none, 1 to F from the rarest finding to the commonest.
    """
    units = int(patients.max()) + 1
    has = np.zeros((units, labels.shape[1]), dtype=np.bool_)
    np.logical_or.at(has, patients, labels == 1)
    by_rarity = has[:, np.argsort(has.sum(axis=0), kind="stable")]
    return np.where(by_rarity.any(axis=1), by_rarity.argmax(axis=1) + 1, 0)
