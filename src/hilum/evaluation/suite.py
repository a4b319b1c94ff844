"""The one evaluation suite: arms, thresholds and groups in; every table of an evaluation out, on the same resamples.

A study, `hilum evaluate`, `hilum compare`, `hilum report` and Python call it, so that one number looks the same
everywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.estimation import BootstrappedArms, measure_arms
from hilum.evaluation.inference import Adjustment, Look, SeedDesign, SeedInference
from hilum.evaluation.metrics import AUROC, AVERAGES, MACRO, METRICS, THRESHOLD_METRICS, overall_finding
from hilum.evaluation.predictions import AlignedArms, Predictions
from hilum.evaluation.settings import EvaluationSettings
from hilum.evaluation.tables import (
    UNDERDIAGNOSIS,
    comparisons_table,
    equivalence_table,
    evaluate_multiclass,
    evaluate_subgroups,
    joint_table,
    mean_confusion,
    metrics_table,
    ranks_table,
)
from hilum.evaluation.thresholds import Thresholds
from hilum.progress import ProgressReport, silent

Groups = Mapping[str, Mapping[str, str | None]]
_PROBE = " linear probe"
"""Beside one arm at a time; no arm begins with a blank."""


@dataclass(frozen=True, kw_only=True)
class SuiteSettings(EvaluationSettings):
    """What an evaluation computes, beside the settings of `EvaluationSettings`.

    Attributes:
        bootstrap: of all tables.
        metrics: of arms; None: all that can be computed (those at thresholds need thresholds of every arm).
        averages: rows over findings of the metrics.
        compared: metrics whose differences are tested; None: those of `metrics`.
        compared_averages: rows over findings of the differences.
        reference: the arm that all others are compared with; None: every pair.
        pairs: (arm, against) of the comparisons, instead of `reference`.
        adjustment: of p-values within each family.
        multiclass: whether every image is of exactly one class; None: look at the labels.
        seed_inference, seed_design: how arms with several seeds are compared; see `hilum.evaluation.measure_arms`. An
            arm and its own probe share their seeds in any case.
        look: which of several announced looks this is; None: the only one.
    """

    bootstrap: BootstrapConfig = field(default_factory=BootstrapConfig)
    metrics: Sequence[str] | None = None
    averages: Sequence[str] = AVERAGES
    compared: Sequence[str] | None = (AUROC,)
    compared_averages: Sequence[str] = (MACRO,)
    reference: str | None = None
    pairs: Sequence[tuple[str, str]] | None = None
    adjustment: Adjustment = "Benjamini-Hochberg"
    multiclass: bool | None = None
    seed_inference: SeedInference = "obuchowski_rockette"
    seed_design: SeedDesign = "nested"
    look: Look | None = None


@dataclass(frozen=True)
class SuiteInput:
    """What is evaluated.

    Attributes:
        arms: for each arm its predictions, one a seed; all of the same images.
        thresholds: of each arm, one a seed; empty where there are none.
        baselines: predictions of what needs no training, by name, of the same images.
        probes: of each arm, predictions of a linear probe of what it starts from, one a seed.
        groups: for each attribute the group of each image id.
    """

    arms: Mapping[str, Sequence[Predictions]]
    thresholds: Mapping[str, Sequence[Thresholds]] = field(default_factory=dict)
    baselines: Mapping[str, Predictions] = field(default_factory=dict)
    probes: Mapping[str, Sequence[Predictions]] = field(default_factory=dict)
    groups: Groups = field(default_factory=dict)

    @property
    def has_thresholds(self) -> bool:
        """Whether every seed of every arm has thresholds."""
        return bool(self.arms) and all(
            len(self.thresholds.get(arm, ())) == len(runs) for arm, runs in self.arms.items()
        )


@dataclass(frozen=True)
class EvaluationTables:
    """Every table of one evaluation; None for those that it has no use for.

    Attributes:
        aligned: the predictions as they were measured.
        averages: rows over findings in `comparisons`.
        metrics: `arm`, and the columns of `hilum.evaluation.evaluate_predictions`.
        comparisons: see `hilum.evaluation.comparisons_table`.
        ranks, margins, subgroups, classes: see `ranks_table`, `equivalence_table`, `evaluate_subgroups` and
            `evaluate_multiclass` of `hilum.evaluation`; the last two with `arm` before.
        joint: of three arms or more, see `hilum.evaluation.tables.joint_table`.
        baseline_metrics, baseline_comparisons: of baselines; and of every arm minus every baseline over findings.
        probe_metrics, probe_comparisons: of the linear probes, under their arms' names; and of the arm minus its own.
    """

    aligned: AlignedArms
    averages: tuple[str, ...]
    metrics: pl.DataFrame
    comparisons: pl.DataFrame
    joint: pl.DataFrame | None = None
    ranks: pl.DataFrame | None = None
    margins: pl.DataFrame | None = None
    subgroups: pl.DataFrame | None = None
    classes: pl.DataFrame | None = None
    baseline_metrics: pl.DataFrame | None = None
    baseline_comparisons: pl.DataFrame | None = None
    probe_metrics: pl.DataFrame | None = None
    probe_comparisons: pl.DataFrame | None = None

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """Those that there are, by name."""
        found = {name: getattr(self, name) for name in TABLES}
        return {name: table for name, table in found.items() if table is not None}


TABLES = (
    "metrics",
    "comparisons",
    "joint",
    "ranks",
    "margins",
    "subgroups",
    "classes",
    "baseline_metrics",
    "baseline_comparisons",
    "probe_metrics",
    "probe_comparisons",
)
"""Names of all tables of an evaluation."""


def evaluate_suite(
    given: SuiteInput, settings: SuiteSettings = SuiteSettings(), on_progress: ProgressReport = silent
) -> EvaluationTables:
    """Compute every table of an evaluation.

    Args:
        given: what is evaluated.
        settings: what is computed.
        on_progress: receives the resamples done of the first table.

    Raises:
        HilumError: predictions that do not go together, an unknown reference, unknown metrics, missing thresholds, or
            too few bootstrap samples.
    """
    reference = settings.reference if len(given.arms) > 1 else None
    metrics = _metrics(given, settings)
    compared = tuple(metrics if settings.compared is None else settings.compared)
    thresholds = given.thresholds if given.has_thresholds else None
    measured = _measure(given.arms, settings, metrics, settings.averages, thresholds, on_progress)
    tested = measured
    if (compared, tuple(settings.compared_averages)) != (tuple(metrics), tuple(settings.averages)):
        needed = thresholds if any(name in THRESHOLD_METRICS for name in compared) else None
        tested = _measure(given.arms, settings, compared, settings.compared_averages, needed)
    several = len(given.arms) > 1
    ranked = several and bool(tested.included.any()) and len(tested.findings) > 1 and AUROC in tested.metrics
    baseline_metrics, baseline_comparisons = _beside_baselines(given, settings)
    probe_metrics, probe_comparisons = _beside_probes(given, settings)
    joint = joint_table(tested, adjustment=settings.adjustment, look=settings.look)
    margins = None
    if several and settings.margin is not None:
        margins = equivalence_table(tested, settings.margin, reference=reference, pairs=settings.pairs)
    return EvaluationTables(
        aligned=measured.aligned,
        averages=tested.averages,
        metrics=pl.concat([named(metrics_table(measured, arm), arm) for arm in given.arms]),
        comparisons=comparisons_table(
            tested, reference=reference, pairs=settings.pairs, adjustment=settings.adjustment, look=settings.look
        ),
        joint=None if joint.is_empty() else joint,
        ranks=ranks_table([tested]) if ranked else None,  # of one finding the estimates rank the arms
        margins=margins,
        subgroups=_subgroups(given, settings) if given.groups else None,
        classes=_classes(given, settings),
        baseline_metrics=baseline_metrics,
        baseline_comparisons=baseline_comparisons,
        probe_metrics=probe_metrics,
        probe_comparisons=probe_comparisons,
    )


def named(table: pl.DataFrame, arm: str) -> pl.DataFrame:
    """A table with the name of its arm in front."""
    return table.select(pl.lit(arm).alias("arm"), pl.all())


def _metrics(given: SuiteInput, settings: SuiteSettings) -> list[str]:
    if settings.metrics is not None:
        return list(settings.metrics)
    return [name for name in METRICS if given.has_thresholds or name not in THRESHOLD_METRICS]


def _measure(
    arms: Mapping[str, Sequence[Predictions]],
    settings: SuiteSettings,
    metrics: Sequence[str] = (AUROC,),
    averages: Sequence[str] = (MACRO,),
    thresholds: Mapping[str, Sequence[Thresholds]] | None = None,
    on_progress: ProgressReport = silent,
) -> BootstrappedArms:
    bootstrap = settings.bootstrap
    return measure_arms(
        arms,
        metrics=metrics,
        averages=averages,
        thresholds=thresholds,
        interval=bootstrap.interval,
        stratified=bootstrap.stratified,
        n_bootstrap=bootstrap.n_bootstrap,
        seed=bootstrap.seed,
        min_positive_patients=settings.min_positive_patients,
        seed_inference=settings.seed_inference,
        seed_design=settings.seed_design,
        on_progress=on_progress,
    )


def _beside_baselines(given: SuiteInput, settings: SuiteSettings) -> tuple[pl.DataFrame | None, pl.DataFrame | None]:
    if not given.baselines:
        return None, None
    replicates = len(next(iter(given.arms.values())))
    metrics, comparisons = [], []
    for name, once in given.baselines.items():
        measured = _measure({name: [once] * replicates, **given.arms}, settings)
        metrics.append(named(metrics_table(measured, name), name))
        pairs_table = comparisons_table(measured, reference=name)
        comparisons.append(pairs_table.filter(pl.col("finding") == overall_finding(pairs_table["finding"].to_list())))
    return pl.concat(metrics), pl.concat(comparisons)


def _beside_probes(given: SuiteInput, settings: SuiteSettings) -> tuple[pl.DataFrame | None, pl.DataFrame | None]:
    """Of the linear probe of what each arm starts from, under the arm's name; and the arm minus it."""
    metrics, comparisons = [], []
    for arm, probes in given.probes.items():
        paired = replace(settings, seed_design="factorial")  # a seed's probe and its arm start from the same weights
        measured = _measure({_PROBE: probes, arm: given.arms[arm]}, paired)
        metrics.append(named(metrics_table(measured, _PROBE), arm))
        pairs_table = comparisons_table(measured, reference=_PROBE)
        comparisons.append(pairs_table.with_columns(reference=pl.col("reference").str.strip_chars()))
    return (pl.concat(metrics), pl.concat(comparisons)) if metrics else (None, None)


def _subgroups(given: SuiteInput, settings: SuiteSettings) -> pl.DataFrame:
    cut = given.has_thresholds
    tables = [
        named(
            evaluate_subgroups(
                seeds,
                given.groups,
                metrics=(AUROC, UNDERDIAGNOSIS) if cut else (AUROC,),
                thresholds=given.thresholds[arm] if cut else None,
                min_patients=settings.min_group,
                n_bootstrap=settings.bootstrap.n_bootstrap,
                seed=settings.bootstrap.seed,
            ),
            arm,
        )
        for arm, seeds in given.arms.items()
    ]
    return pl.concat(tables)


def _classes(given: SuiteInput, settings: SuiteSettings) -> pl.DataFrame | None:
    """Recall, precision and F1, where every image is of exactly one class."""
    multiclass = settings.multiclass
    if multiclass is None:
        multiclass = all(mean_confusion(seeds) is not None for seeds in given.arms.values())
    if not multiclass:
        return None
    bootstrap = settings.bootstrap
    return pl.concat(
        [
            named(evaluate_multiclass(seeds, n_bootstrap=bootstrap.n_bootstrap, seed=bootstrap.seed), arm)
            for arm, seeds in given.arms.items()
        ]
    )
