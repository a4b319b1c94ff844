"""Non-inferiority and equivalence of arms at a predefined margin."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from hilum.declared import check_ranges
from hilum.errors import HilumError
from hilum.evaluation.columns import schema
from hilum.evaluation.estimation import BootstrappedArms
from hilum.evaluation.inference import ADJUSTMENTS, Adjustment, equivalence_p, number_or_null, percentile_interval
from hilum.evaluation.metrics import AUROC, largest_difference, lower_is_better
from hilum.evaluation.settings import EvaluationSettings
from hilum.evaluation.tables.comparisons import difference_of, pairs_of

EQUIVALENCE_SCHEMA = schema(
    "arm reference finding metric margin difference ci_low ci_high ci_low_90 ci_high_90 p_noninferiority p_tost"
    " p_tost_adjusted conclusion"
)


def equivalence_table(
    measured: BootstrappedArms,
    margin: float,
    *,
    reference: str | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
    metric: str = AUROC,
    adjustment: Adjustment = "Holm",
) -> pl.DataFrame:
    """Test non-inferiority and equivalence of arms by the interval of the paired difference.

    Args:
        measured: Bootstrapped arms.
        margin: Largest irrelevant difference, above 0; to be fixed before the results are known.
        reference: Arm all others are compared with; None for every pair.
        pairs: (arm, reference) of the comparisons, instead of `reference`.
        metric: A computed metric.
        adjustment: Adjustment of the p-values of equivalence; averages and single findings are two families.

    Returns:
        arm, reference, finding, metric, margin, difference (arm - reference), ci_low, ci_high (95 %), ci_low_90,
        ci_high_90, p_noninferiority (one-sided), p_tost (two one-sided tests), p_tost_adjusted, and conclusion by the
        unadjusted intervals: `superior`, `inferior` (the 95 % interval excludes 0), `equivalent` (the 90 % interval is
        inside the margins), `non-inferior` (the 95 % interval is above -margin), or `inconclusive`. Findings with too
        few patients are excluded.

    Raises:
        HilumError: A margin not above 0, a metric that was not computed, an unknown `reference`.
    """
    check_ranges(EvaluationSettings, margin=margin)
    if metric not in measured.metrics:
        raise HilumError("metric", expected=", ".join(measured.metrics), found=metric, fix="Compute it first.")
    sign = -1 if lower_is_better(metric) else 1
    rows = []
    for arm, other in pairs_of(list(measured.arms), reference) if pairs is None else pairs:
        difference = difference_of(measured, metric, arm, other)
        tested = [at for at, inside in enumerate(measured.included) if inside]
        names = [*measured.findings, *measured.averages]
        for at in [*range(len(measured.findings), len(names)), *tested]:
            resampled, patients = difference.resampled[at], measured.effective_n_patients(at)
            by_seeds = measured.seed_test(metric, arm, other, at)
            if by_seeds is None:
                worse, better = equivalence_p(sign * resampled, margin)
                interval, narrower = (
                    percentile_interval(resampled, level=level, patients=patients) for level in (0.95, 0.9)
                )
            else:
                worse, better = by_seeds.beyond(margin)[::sign]
                within = largest_difference(metric)
                interval, narrower = (by_seeds.interval(level, within=within) for level in (0.95, 0.9))
            rows.append(
                {
                    "arm": arm,
                    "reference": other,
                    "finding": names[at],
                    "metric": metric,
                    "margin": margin,
                    "difference": number_or_null(float(difference.estimate[at])),
                    **_ends(interval, ("ci_low", "ci_high")),
                    **_ends(narrower, ("ci_low_90", "ci_high_90")),
                    "p_noninferiority": number_or_null(worse),
                    "p_tost": number_or_null(max(worse, better)),
                }
            )
    table = pl.DataFrame(rows, schema={name: kind for name, kind in EQUIVALENCE_SCHEMA.items() if name not in _ADDED})
    average = pl.Series(table["finding"].is_in(list(measured.averages)))
    parts = [_adjusted(table.filter(side), adjustment) for side in (average, ~average)]
    conclusions = [_conclusion(row, margin, sign) for part in parts for row in part.to_dicts()]
    return (
        pl.concat(parts).with_columns(pl.Series("conclusion", conclusions, dtype=pl.String)).select(*EQUIVALENCE_SCHEMA)
    )


_ADDED = ("p_tost_adjusted", "conclusion")


def _ends(interval: tuple[float, float], names: Sequence[str]) -> dict[str, float | None]:
    return {name: number_or_null(end) for name, end in zip(names, interval, strict=True)}


def _adjusted(part: pl.DataFrame, adjustment: str) -> pl.DataFrame:
    p = ADJUSTMENTS[adjustment](part["p_tost"].fill_null(float("nan")).to_numpy())
    return part.with_columns(pl.Series("p_tost_adjusted", p, dtype=pl.Float64).fill_nan(None))


def _conclusion(row: dict[str, Any], margin: float, sign: int) -> str:
    if row["ci_low"] is None:
        return "inconclusive"
    low, high = sorted((sign * row["ci_low"], sign * row["ci_high"]))
    low_90, high_90 = sorted((sign * row["ci_low_90"], sign * row["ci_high_90"]))
    if low > 0:
        return "superior"
    if high < 0:
        return "inferior"
    if -margin < low_90 and high_90 < margin:
        return "equivalent"
    return "non-inferior" if low > -margin else "inconclusive"
