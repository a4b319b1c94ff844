"""Evaluation suite: all tables of an evaluation, of arms, thresholds and groups on the same resamples.

Studies, `hilum evaluate`, `hilum compare`, `hilum report` and Python use it, so that all show the same numbers.
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
"""Name of the probe beside its arm; the leading blank avoids names of arms."""


@dataclass(frozen=True, kw_only=True)
class SuiteSettings(EvaluationSettings):
    """Settings of the tables of an evaluation.

    Attributes:
        bootstrap: Bootstrap of all tables.
        metrics: Metrics of the arms; None for all possible ones (threshold metrics need thresholds of every arm).
        averages: Averages over findings of the metrics.
        compared: Metrics whose differences are tested; None for those of `metrics`.
        compared_averages: Averages over findings of the differences.
        reference: Arm all others are compared with; None for every pair.
        pairs: (arm, reference) of the comparisons, instead of `reference`.
        adjustment: Adjustment of p-values within each family.
        multiclass: True where every image has exactly one class; None to determine it from the labels.
        seed_inference, seed_design: Comparison of arms with several seeds, see `hilum.evaluation.measure_arms`. The
            design of an arm and its own probe is always factorial.
        look: Number of the planned look; None for a single look.
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
    """Predictions to evaluate.

    Attributes:
        arms: For each arm its predictions, one table a seed, all of the same images.
        thresholds: For each arm one a seed; empty without thresholds.
        baselines: Predictions of baselines without training, by name, of the same images.
        probes: For each arm, predictions of a linear probe of its initial weights, one table a seed.
        groups: For each attribute the group of each image id.
    """

    arms: Mapping[str, Sequence[Predictions]]
    thresholds: Mapping[str, Sequence[Thresholds]] = field(default_factory=dict)
    baselines: Mapping[str, Predictions] = field(default_factory=dict)
    probes: Mapping[str, Sequence[Predictions]] = field(default_factory=dict)
    groups: Groups = field(default_factory=dict)

    @property
    def has_thresholds(self) -> bool:
        """True where every seed of every arm has thresholds."""
        return bool(self.arms) and all(
            len(self.thresholds.get(arm, ())) == len(runs) for arm, runs in self.arms.items()
        )


@dataclass(frozen=True)
class EvaluationTables:
    """All tables of one evaluation; None for tables that do not apply.

    Attributes:
        aligned: Aligned predictions.
        averages: Averages over findings in `comparisons`.
        metrics: `arm`, and the columns of `hilum.evaluation.evaluate_predictions`.
        comparisons: See `hilum.evaluation.comparisons_table`.
        ranks, margins, subgroups, classes: See `ranks_table`, `equivalence_table`, `evaluate_subgroups` and
            `evaluate_multiclass` of `hilum.evaluation`; the last two with a first column `arm`.
        joint: Joint test of three or more arms, see `hilum.evaluation.tables.joint_table`.
        baseline_metrics, baseline_comparisons: Metrics of baselines; every arm minus every baseline, over findings.
        probe_metrics, probe_comparisons: Metrics of linear probes, by arm; every arm minus its probe.
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
        """Existing tables, by name."""
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
        given: Predictions to evaluate.
        settings: Settings of the tables.
        on_progress: Receives the number of completed resamples of the first table.

    Raises:
        HilumError: Predictions do not match, the reference or metrics are unknown, thresholds are missing, or too few
            bootstrap samples.
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
        ranks=ranks_table([tested]) if ranked else None,  # with one finding the estimates rank the arms
        margins=margins,
        subgroups=_subgroups(given, settings) if given.groups else None,
        classes=_classes(given, settings),
        baseline_metrics=baseline_metrics,
        baseline_comparisons=baseline_comparisons,
        probe_metrics=probe_metrics,
        probe_comparisons=probe_comparisons,
    )


def named(table: pl.DataFrame, arm: str) -> pl.DataFrame:
    """Add the name of its arm as the first column of a table."""
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
    """Compute metrics of the linear probe of each arm's initial weights, and the arm minus its probe."""
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
    """Compute recall, precision and F1, where every image has exactly one class."""
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
