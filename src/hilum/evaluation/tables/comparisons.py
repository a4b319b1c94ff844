"""Paired comparisons of arms: differences on the same resamples, confidence intervals, p-values and power."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Unpack

import numpy as np
import polars as pl

from hilum.errors import HilumError
from hilum.evaluation.columns import schema
from hilum.evaluation.estimation import BootstrappedArms, MeasureOptions, Resampled, measure_arms
from hilum.evaluation.inference import (
    ADJUSTMENTS,
    Adjustment,
    Look,
    SeedTest,
    case_notes,
    estimate_columns,
    macro_notes,
    minimum_detectable_difference,
    note_of_seeds,
    number_or_null,
    replication_probability,
    seeds_to_show,
    times_patients_to_show,
    two_sided_p,
    undefined_notes,
)
from hilum.evaluation.metrics import AUROC, MACRO, THRESHOLD_METRICS, largest_difference
from hilum.evaluation.predictions import Predictions
from hilum.evaluation.tables.metrics import metrics_table
from hilum.evaluation.thresholds import OPTIMISTIC, Thresholds
from hilum.notes import note_columns

COMPARISONS_SCHEMA = schema(
    "arm reference finding metric difference ci_low ci_high p p_adjusted minimum_detectable_difference family"
    " note codes method standard_error df seeds between_seeds within_seeds between_patients prob_replication"
    " seeds_to_show times_patients_to_show"
)
"""Columns of a table of comparisons; see `comparisons_table`."""


NOT_TESTED = "not tested: too few positive or negative patients"


def compare_predictions(
    first: Sequence[Predictions],
    second: Sequence[Predictions],
    *,
    thresholds: tuple[Sequence[Thresholds], Sequence[Thresholds]] | None = None,
    adjustment: Adjustment = "Benjamini-Hochberg",
    **options: Unpack[MeasureOptions],
) -> pl.DataFrame:
    """Compute paired differences, first minus second, per finding and over findings.

    Args:
        first: Predictions of one arm, one table a seed.
        second: Predictions of the other arm, of the same images.
        thresholds: Thresholds of the first and of the second arm, one a seed.
        adjustment: As in `comparisons_table`.
        options: metrics, averages, interval, stratified, n_bootstrap, seed, min_positive_patients, seed_inference,
            seed_design, on_progress: as in `measure_arms`.

    Returns:
        As `comparisons_table`, without the columns `arm` and `reference`.

    Raises:
        HilumError: Predictions do not match, or too few resamples.
    """
    _, comparisons = evaluate_arms(
        {"second": second, "first": first},
        reference="second",
        thresholds=None if thresholds is None else {"first": thresholds[0], "second": thresholds[1]},
        adjustment=adjustment,
        **options,
    )
    return comparisons.drop("arm", "reference")


def evaluate_arms(
    arms: Mapping[str, Sequence[Predictions]],
    *,
    reference: str | None = None,
    thresholds: Mapping[str, Sequence[Thresholds]] | None = None,
    adjustment: Adjustment = "Benjamini-Hochberg",
    **options: Unpack[MeasureOptions],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Evaluate all arms and findings on the same resamples: `measure_arms`, `metrics_table` and `comparisons_table`.

    Args:
        arms: For each arm its predictions, one table a seed, all of the same images.
        reference, adjustment: As in `comparisons_table`.
        thresholds: For each arm one a seed.
        options: As in `compare_predictions`.

    Returns:
        metrics: As `evaluate_predictions`, with a first column `arm`.
        comparisons: As `comparisons_table`.

    Raises:
        HilumError: Predictions do not match, the `reference` is unknown, or too few resamples.
    """
    _check_reference(reference, list(arms))
    measured = measure_arms(arms, thresholds=thresholds, **options)
    each = [metrics_table(measured, arm).select(pl.lit(arm).alias("arm"), pl.all()) for arm in arms]
    return pl.concat(each), comparisons_table(measured, reference=reference, adjustment=adjustment)


def comparisons_table(
    measured: BootstrappedArms,
    *,
    reference: str | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
    adjustment: Adjustment = "Benjamini-Hochberg",
    look: Look | None = None,
) -> pl.DataFrame:
    """Tabulate paired differences of arms.

    Each metric has its own families of tests: each average over findings, and the single findings, all pairs of arms
    together. The macro AUROC, or that of the only finding, is the primary outcome. A finding with too few patients is
    not tested; this depends on labels alone, never on scores.

    Args:
        measured: Bootstrapped arms.
        reference: Arm all others are compared with; None for every pair (the later arm minus the earlier).
        pairs: (arm, reference) of the comparisons, instead of `reference`.
        adjustment: Benjamini-Hochberg (false discovery rate) or Holm (family-wise error rate).
        look: Number of the planned look; adjusted p-values are scaled so that below 0.05 means below the level of this
            look. None for a single look.

    Returns:
        arm, reference, finding, metric, difference (arm - reference), ci_low, ci_high (95 %), p (two-sided, never 0),
        p_adjusted, minimum_detectable_difference (80 % power), family, note, codes (`hilum.notes`), method
        (`obuchowski_rockette` or `bootstrap`), standard_error, df, seeds (of the arm with fewer); with Obuchowski and
        Rockette's test the variances between_seeds, within_seeds (of one seed's estimate: from training, and from test
        set noise its seeds do not share) and between_patients (of the difference), prob_replication (probability that
        as many new seeds show it again), seeds_to_show and times_patients_to_show (seeds of each arm, or factor of test
        patients, that detect a true difference of this size with 80 % power; null where none do).

    Raises:
        HilumError: An unknown `reference`.
    """
    pairs = pairs_of(list(measured.arms), reference) if pairs is None else pairs
    for pair in pairs:
        for name in pair:
            _check_reference(name, list(measured.arms))
    rows = [
        {"arm": arm, "reference": other, **row}
        for metric in measured.metrics
        for arm, other in pairs
        for row in _differences(measured, metric, arm, other)
    ]
    table = pl.DataFrame(rows, schema=COMPARISONS_SCHEMA)
    return _with_families(table, measured, len(pairs), adjustment, look or Look())


def pairs_of(arms: Sequence[str], reference: str | None) -> list[tuple[str, str]]:
    """Return (arm, reference) pairs: all with the reference, or without one every later with every earlier arm."""
    _check_reference(reference, arms)
    if reference is None:
        return [(later, earlier) for earlier, later in combinations(arms, 2)]
    return [(arm, reference) for arm in arms if arm != reference]


def difference_of(measured: BootstrappedArms, metric: str, arm: str, other: str) -> Resampled:
    """Compute arm minus other in every resample; rows are findings, then averages."""
    one, two = measured.arms[arm].metrics[metric], measured.arms[other].metrics[metric]
    jackknife = None if one.jackknife is None or two.jackknife is None else one.jackknife - two.jackknife
    return Resampled(one.estimate - two.estimate, one.resampled - two.resampled, jackknife)


def _check_reference(reference: str | None, arms: Sequence[str]) -> None:
    if reference is not None and reference not in arms:
        raise HilumError(
            "reference", expected=f"one of {', '.join(arms)}", found=reference, fix="Name one of the arms."
        )


def _differences(measured: BootstrappedArms, metric: str, arm: str, other: str) -> list[dict[str, object]]:
    own, their = measured.arms[arm], measured.arms[other]
    difference = difference_of(measured, metric, arm, other)
    fewest = min(own.seeds, their.seeds)
    seeds = note_of_seeds(own.seeds, their.seeds)
    optimistic = [OPTIMISTIC] if measured.optimistic and metric in THRESHOLD_METRICS else []
    rows = []
    for average in measured.averages:
        notes = [*macro_notes(measured.included, measured.min_positive_patients, seeds), *optimistic]
        tested = bool(measured.included.any())
        at = own.row(average)
        numbers = _numbers(measured, metric, difference, at, measured.seed_test(metric, arm, other, at), tested=tested)
        rows.append({"finding": average, "metric": metric, **numbers, "note": notes, "seeds": fewest})
    for at, finding in enumerate(measured.findings):
        notes = [*case_notes(measured.cases, at, measured.min_positive_patients), *optimistic]
        if measured.cases.enough(2)[at]:
            by_seeds = measured.seed_test(metric, arm, other, at)
            numbers = _numbers(measured, metric, difference, at, by_seeds, tested=bool(measured.included[at]))
        else:
            numbers = dict.fromkeys(("difference", "ci_low", "ci_high", "p", "minimum_detectable_difference"))
            numbers["undefined"] = []
        rows.append({"finding": finding, "metric": metric, **numbers, "note": notes, "seeds": fewest})
    return [_with_note(row) for row in rows]


def _numbers(
    measured: BootstrappedArms, metric: str, difference: Resampled, at: int, by_seeds: SeedTest | None, *, tested: bool
) -> dict[str, object]:
    if by_seeds is not None:
        return _numbers_of_seeds(by_seeds, tested=tested, within=largest_difference(metric))
    patients = measured.effective_n_patients(at)
    resampled, estimate = difference.resampled[at], float(difference.estimate[at])
    if not np.isfinite(estimate):
        resampled = np.full(0, np.nan)
    finite = resampled[np.isfinite(resampled)]
    return {
        **estimate_columns(estimate, measured.interval_of(difference, at), name="difference"),
        "p": number_or_null(two_sided_p(resampled, patients=patients) if tested else float("nan")),
        "minimum_detectable_difference": number_or_null(minimum_detectable_difference(resampled)),
        "undefined": undefined_notes(resampled),
        "method": "bootstrap",
        "standard_error": float(np.std(finite, ddof=1)) if len(finite) > 1 else None,
    }


def _numbers_of_seeds(test: SeedTest, *, tested: bool, within: float) -> dict[str, object]:
    low, high = test.interval(within=within)
    settles = test.difference != 0 and tested
    return {
        "difference": test.difference,
        "ci_low": low,
        "ci_high": high,
        "p": test.p() if tested else None,
        "minimum_detectable_difference": detectable if (detectable := test.detectable()) <= within else None,
        "undefined": [],
        "method": "obuchowski_rockette",
        "standard_error": test.standard_error,
        "df": number_or_null(test.df),
        "between_seeds": test.between_seeds,
        "within_seeds": test.within_seeds,
        "between_patients": test.between_patients,
        "prob_replication": replication_probability(test) if tested else None,
        "seeds_to_show": seeds_to_show(test, test.difference) if settles else None,
        "times_patients_to_show": times_patients_to_show(test, test.difference) if settles else None,
    }


def _with_note(row: dict[str, object]) -> dict[str, object]:
    undefined, notes = row.pop("undefined"), row.pop("note")
    return row | note_columns([*notes, *undefined])  # type: ignore[misc]


def _with_families(
    rows: pl.DataFrame, measured: BootstrappedArms, pairs: int, adjustment: str, look: Look
) -> pl.DataFrame:
    """Adjust each family separately, and describe it in the column `family`."""
    p = rows["p"].fill_null(float("nan")).to_numpy()
    adjusted = np.full(len(rows), np.nan)
    family = np.full(len(rows), NOT_TESTED, dtype=object)
    finding, metric = rows["finding"].to_numpy(), rows["metric"].to_numpy()
    compared = f"{pairs} comparison{'s' if pairs > 1 else ''}"
    for name in measured.metrics:
        single = ~np.isin(finding, measured.averages)
        for average in (*measured.averages, None):
            inside = (metric == name) & (single if average is None else finding == average)
            tested = inside & np.isfinite(p)
            adjusted[inside] = look.stretched(ADJUSTMENTS[adjustment](p[inside]))
            tests = int(tested.sum())
            count = tests // max(pairs, 1)
            several = average is None and len(measured.findings) > 1
            findings = f"{count} finding{'s' if count > 1 else ''} x " if several else ""
            size = f"{findings}{compared} = {tests} test{'s' if tests > 1 else ''}, {adjustment}{look.note}"
            family[tested] = f"{_family_name(average, name, measured.findings)}: {size}"
    return rows.with_columns(
        pl.Series("p_adjusted", adjusted, dtype=pl.Float64).fill_nan(None),
        pl.Series("family", family.tolist(), dtype=pl.String),
    )


def _family_name(average: str | None, metric: str, findings: Sequence[str]) -> str:
    single = findings[0] if len(findings) == 1 else "single findings"
    if metric == AUROC:
        primary = average == MACRO or (average is None and len(findings) == 1)
        return f"{average or single}{', primary' if primary else ''}"
    return f"{average or single}, {metric}"
