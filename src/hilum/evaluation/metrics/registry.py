"""All metrics of all layers (arms x seeds) and findings in any resamples.

Every metric is computed from a few statistics of patient counts (`hilum.evaluation.bootstrap.resampling`). The same
code therefore computes the estimate, its resamples and its jackknife values, and all metrics share the same resamples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hilum.errors import HilumError
from hilum.evaluation.bootstrap import Columns, Statistic, by_patient, sums_statistic
from hilum.evaluation.metrics.added import ADDED_METRICS, StatisticMaker
from hilum.evaluation.metrics.average_precision import auprc_statistic
from hilum.evaluation.metrics.calibration import BINS, bin_of
from hilum.evaluation.metrics.confusion import THRESHOLD_METRICS, Confusion
from hilum.evaluation.metrics.partial_auc import partial_auroc_statistic
from hilum.evaluation.metrics.roc_auc import auroc_statistic
from hilum.evaluation.metrics.sensitivity_at_specificity import (
    sensitivity_at_specificity_statistic,
    specificity_of,
)

AUROC = "auroc"
MACRO, WEIGHTED, MICRO = "macro", "weighted", "micro"
AVERAGES = (MACRO, WEIGHTED, MICRO)
"""Averages over findings: mean, mean weighted by positives, and images pooled over findings."""

MAX_FALSE_POSITIVE_RATE = 0.1
"""End of the partial AUROC."""

RANKING_METRICS: dict[str, StatisticMaker] = {
    AUROC: auroc_statistic,
    "auprc": auprc_statistic,
    "partial_auroc": partial(partial_auroc_statistic, max_false_positive_rate=MAX_FALSE_POSITIVE_RATE),
}
PROBABILITY_METRICS = ("brier", "ece")
METRICS = (*RANKING_METRICS, *THRESHOLD_METRICS, *PROBABILITY_METRICS)
"""Names of all metrics, in the order of tables."""


def overall_finding(findings: Sequence[str]) -> str | None:
    """Return the overall row: `macro`, or the only finding; None without either."""
    distinct = list(dict.fromkeys(findings))
    return MACRO if MACRO in distinct else distinct[0] if len(distinct) == 1 else None


def lower_is_better(metric: str) -> bool:
    """Return True where smaller values of a metric are better."""
    return metric in PROBABILITY_METRICS or (metric in ADDED_METRICS and ADDED_METRICS[metric].lower_is_better)


def largest_difference(metric: str) -> float:
    """Return the largest possible absolute difference of two arms: 1 for fractions and areas, 2 for `mcc`.

    Infinity for added metrics, whose range is unknown.
    """
    if metric not in METRICS and specificity_of(metric) is None:
        return float("inf")
    return 2.0 if metric == "mcc" else 1.0


def metric_title(metric: str) -> str | None:
    """Return the title of an added metric; None for built-in metrics."""
    return ADDED_METRICS[metric].title if metric not in METRICS and metric in ADDED_METRICS else None


def _is_ranking(metric: str) -> bool:
    """Return True for metrics with a statistic of labels and scores alone."""
    return metric in RANKING_METRICS or specificity_of(metric) is not None or metric in ADDED_METRICS


@dataclass(frozen=True)
class Scored:
    """Labels and scores to compute metrics of.

    Attributes:
        labels: (N, F), 1, 0 or NaN (unknown).
        layers: (M, N, F), scores; one layer for each arm and seed.
        patients: (N,) int32, 0 to P - 1.
        included: (F,), findings in the averages.
        thresholds: (M, F); None where no metric needs them.
        averages: Averages over findings, of `AVERAGES`.
    """

    labels: NDArray[np.float64]
    layers: NDArray[np.float64]
    patients: NDArray[np.int32]
    included: NDArray[np.bool_]
    thresholds: NDArray[np.float64] | None = None
    averages: tuple[str, ...] = (MACRO,)

    @property
    def units(self) -> int:
        """Number of patients P."""
        return int(self.patients.max()) + 1 if len(self.patients) else 0


def check_metrics(metrics: Sequence[str], *, thresholds: bool) -> None:
    """Refuse unknown metrics, and threshold metrics without thresholds.

    Raises:
        HilumError: With the name of the metric.
    """
    for metric in metrics:
        if metric not in METRICS and not _is_ranking(metric):
            on_request = ", ".join(["sensitivity_at_specificity_0.9 (or another specificity)", *ADDED_METRICS])
            raise HilumError(
                "metrics", expected=f"any of {', '.join(METRICS)}, {on_request}", found=metric, fix="Correct the name."
            )
        if metric in THRESHOLD_METRICS and not thresholds:
            fix = "Choose thresholds on validation images (hilum.evaluation.choose_thresholds)."
            raise HilumError("thresholds", expected=f"thresholds, for {metric}", found="none", fix=fix)


def statistics_for(scored: Scored, metrics: Sequence[str], *, threads: int | None = None) -> dict[str, Statistic]:
    """Prepare the statistics of these metrics; scores are sorted here."""
    statistics: dict[str, Statistic] = {}
    ranking = [metric for metric in RANKING_METRICS if metric in metrics]
    ranking += [metric for metric in metrics if metric not in RANKING_METRICS and _is_ranking(metric)]
    if ranking:
        findings = range(scored.labels.shape[1])
        columns = [(scored.labels[:, finding], layer[:, finding]) for layer in scored.layers for finding in findings]
        statistics |= {metric: _ranking(metric, columns, scored.patients, threads) for metric in ranking}
    if ranking and MICRO in scored.averages:
        inside = scored.included
        pooled = [(scored.labels[:, inside].ravel(), layer[:, inside].ravel()) for layer in scored.layers]
        owners = np.repeat(scored.patients, int(inside.sum()))
        statistics |= {metric + MICRO: _ranking(metric, pooled, owners, threads) for metric in ranking}
    positive, negative = scored.labels == 1, scored.labels == 0
    if ranking != list(metrics) or WEIGHTED in scored.averages:
        statistics["known"] = _sums(scored, np.stack([positive, negative])[None])
    if scored.thresholds is not None and any(metric in THRESHOLD_METRICS for metric in metrics):
        called = scored.layers >= scored.thresholds[:, None, :]
        statistics["called"] = _sums(scored, np.stack([called & positive, called & negative], axis=1))
    known = ~np.isnan(scored.labels)
    off = np.where(known, scored.layers - np.where(known, scored.labels, 0), 0)
    if "brier" in metrics:
        statistics["brier"] = _sums(scored, (off**2)[:, None])
    if "ece" in metrics:
        statistics["ece"] = sums_statistic(_excess_by_bin(scored, off))
    return statistics


def compute_metrics(
    values: Mapping[str, NDArray[np.float64]], scored: Scored, metrics: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Compute the metrics from values of their statistics.

    Args:
        values: Values of `statistics_for`, (K, T) each: T resamples, or 1.
        scored: Labels and scores of the statistics.
        metrics: Names of the metrics.

    Returns:
        For each metric (M, F + A, T): findings, then the averages.
    """
    models, _, findings = scored.layers.shape
    columns = next(iter(values.values())).shape[-1]
    positives, negatives = _cases(values, scored, columns)
    out = {}
    for metric in metrics:
        micro = None
        if _is_ranking(metric):
            single = values[metric].reshape(models, findings, columns)
            if MICRO in scored.averages:
                micro = values[metric + MICRO].reshape(models, columns)
        elif metric in THRESHOLD_METRICS:
            called = values["called"].reshape(models, 2, findings, columns)
            calls = Confusion(called[:, 0], called[:, 1], positives - called[:, 0], negatives - called[:, 1])
            single = THRESHOLD_METRICS[metric](calls)
            micro = THRESHOLD_METRICS[metric](calls.pooled(scored.included))
        else:
            parts = values[metric].reshape(models, -1, findings, columns)
            images = positives + negatives
            total = parts if metric == "brier" else np.abs(parts)
            pooled = parts[:, :, scored.included].sum(axis=2)
            pooled = pooled if metric == "brier" else np.abs(pooled)
            with np.errstate(invalid="ignore", divide="ignore"):
                single = total.sum(axis=1) / images
                micro = pooled.sum(axis=1) / images[scored.included].sum(axis=0)
        out[metric] = np.concatenate([single, _averages(single, micro, positives, scored)], axis=1)
    return out


def _ranking(metric: str, columns: Columns, patients: NDArray[np.int32], threads: int | None) -> Statistic:
    specificity = specificity_of(metric)
    if specificity is not None:
        return sensitivity_at_specificity_statistic(columns, patients, specificity=specificity, threads=threads)
    make = RANKING_METRICS[metric] if metric in RANKING_METRICS else ADDED_METRICS[metric].statistic
    return make(columns, patients, threads=threads)


def _sums(scored: Scored, values: NDArray[np.generic]) -> Statistic:
    """Prepare sums over patients of (A, B, N, F) values, in the order (A, B, F)."""
    flat = np.moveaxis(values, 2, 0).reshape(len(scored.patients), -1)
    return sums_statistic(by_patient(flat.astype(np.float64), scored.patients, scored.units))


def _cases(
    values: Mapping[str, NDArray[np.float64]], scored: Scored, columns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return positives and negatives, (F, T) each: of each resample where counted, of all images otherwise."""
    if "known" in values:
        known = values["known"].reshape(2, -1, columns)
        return known[0], known[1]
    whole = [np.repeat((scored.labels == side).sum(axis=0)[:, None], columns, axis=1) for side in (1, 0)]
    return whole[0].astype(np.float64), whole[1].astype(np.float64)


def _averages(
    single: NDArray[np.float64],
    micro: NDArray[np.float64] | None,
    positives: NDArray[np.float64],
    scored: Scored,
) -> NDArray[np.float64]:
    """Compute the averages over findings, (M, A, T)."""
    models, _, columns = single.shape
    if not scored.averages:
        return np.empty((models, 0, columns))
    if not scored.included.any():
        return np.full((models, len(scored.averages), columns), np.nan)
    inside, weight = single[:, scored.included], positives[scored.included]
    with np.errstate(invalid="ignore", divide="ignore"):
        rows = {
            MACRO: inside.mean(axis=1),
            WEIGHTED: (inside * weight).sum(axis=1) / weight.sum(axis=0),
            MICRO: micro if micro is not None else np.full((models, columns), np.nan),
        }
    return np.stack([rows[average] for average in scored.averages], axis=1)


def _excess_by_bin(scored: Scored, off: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum predicted minus observed for each patient and calibration bin: (M x BINS x F, P)."""
    models, _, findings = off.shape
    shares = np.empty((models, BINS, findings, scored.units))
    for model, finding in np.ndindex(models, findings):
        place = bin_of(scored.layers[model, :, finding], BINS) * scored.units + scored.patients
        summed = np.bincount(place, weights=off[model, :, finding], minlength=BINS * scored.units)
        shares[model, :, finding] = summed.reshape(BINS, scored.units)
    return shares.reshape(-1, scored.units)
