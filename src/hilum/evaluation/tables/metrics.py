"""Metrics of one arm, per finding and over findings, with bootstrap intervals over patients and seeds."""

from collections.abc import Sequence
from typing import Unpack

import polars as pl

from hilum.evaluation.columns import schema
from hilum.evaluation.estimation import ArmResamples, BootstrappedArms, MeasureOptions, Resampled, measure_arms
from hilum.evaluation.inference import (
    case_notes,
    estimate_columns,
    interval_for_few_patients,
    macro_notes,
    note_of_seeds,
    undefined_notes,
)
from hilum.evaluation.metrics import AUROC, MACRO, THRESHOLD_METRICS
from hilum.evaluation.predictions import Predictions
from hilum.evaluation.thresholds import OPTIMISTIC, Thresholds
from hilum.notes import Code, Note, note, note_columns

__all__ = ["AUROC", "MACRO", "METRICS_SCHEMA", "evaluate_predictions", "metrics_table"]

METRICS_SCHEMA = schema("finding metric estimate ci_low ci_high n positives patients note codes")


def evaluate_predictions(
    predictions: Sequence[Predictions],
    *,
    thresholds: Sequence[Thresholds] | None = None,
    **options: Unpack[MeasureOptions],
) -> pl.DataFrame:
    """Compute metrics per finding and over findings with 95 % bootstrap intervals over patients (and seeds).

    Args:
        predictions: One table a seed, of the same images.
        thresholds: One a seed; needed by metrics at a threshold.
        options: metrics, averages, interval, stratified, n_bootstrap, seed, min_positive_patients, on_progress: as in
            `measure_arms`.

    Returns:
        For each metric the averages, then findings: finding, metric, estimate (mean over seeds), ci_low, ci_high, n
        (images with a known label), positives (images; null for averages), patients, note, codes (`hilum.notes`).
        Estimate and interval are null where undefined or based on one patient.

    Raises:
        HilumError: Predictions do not match, metrics are unknown, thresholds are missing, or too few resamples.
    """
    of_arm = None if thresholds is None else {"": thresholds}
    return metrics_table(measure_arms({"": predictions}, thresholds=of_arm, **options), "")


def metrics_table(measured: BootstrappedArms, arm: str) -> pl.DataFrame:
    """Tabulate the metrics of one arm, as `evaluate_predictions`."""
    own, cases = measured.arms[arm], measured.cases
    rows = []
    for metric in measured.metrics:
        resampled = own.metrics[metric]
        optimistic = [OPTIMISTIC] if measured.optimistic and metric in THRESHOLD_METRICS else []
        for average in measured.averages:
            at = own.row(average)
            notes = macro_notes(measured.included, measured.min_positive_patients, note_of_seeds(own.seeds))
            rows.append(
                {
                    "finding": average,
                    "metric": metric,
                    **_estimate_and_interval(measured, resampled, at),
                    "n": int(cases.images.max(initial=0)),
                    "positives": None,
                    "patients": int(cases.patients.max(initial=0)),
                    **note_columns([*notes, *undefined_notes(resampled.resampled[at]), *optimistic]),
                }
            )
        for at, finding in enumerate(measured.findings):
            numbers, notes = _of_finding(measured, own, metric, at)
            rows.append(
                {
                    "finding": finding,
                    "metric": metric,
                    **numbers,
                    "n": int(cases.images[at]),
                    "positives": int(cases.positives[at]),
                    "patients": int(cases.patients[at]),
                    **note_columns([*notes, *optimistic]),
                }
            )
    return pl.DataFrame(rows, schema=METRICS_SCHEMA)


def _of_finding(
    measured: BootstrappedArms, own: ArmResamples, metric: str, at: int
) -> tuple[dict[str, float | None], list[Note]]:
    """Return estimate, interval and notes of one finding."""
    resampled, cases = own.metrics[metric], measured.cases
    notes = case_notes(cases, at, measured.min_positive_patients)
    if not cases.enough(2)[at]:
        return {"estimate": None, "ci_low": None, "ci_high": None}, notes
    numbers = _estimate_and_interval(measured, resampled, at)
    if metric == AUROC:
        notes += _score_notes(own, at)
        if measured.interval == "expanded" and not own.constant[at]:
            numbers, notes = interval_for_few_patients(numbers, notes, cases, at, seeds=own.seeds)
    return numbers, [*notes, *undefined_notes(resampled.resampled[at])]


def _score_notes(arm: ArmResamples, at: int) -> list[Note]:
    """Return notes on constant scores and perfect separation."""
    if arm.constant[at]:
        return [note(Code.CONSTANT_SCORES)]
    if arm.auroc.estimate[at] in (0.0, 1.0):
        return [note(Code.PERFECTLY_SEPARATED)]
    return []


def _estimate_and_interval(measured: BootstrappedArms, resampled: Resampled, at: int) -> dict[str, float | None]:
    return estimate_columns(resampled.estimate[at], measured.interval_of(resampled, at))
