"""Arms against one another, paired: differences on the same redraws, intervals, p-values, and what could be shown."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.errors import HilumError
from hilum.evaluate.arms import align
from hilum.evaluate.cases import Cases, count_cases
from hilum.evaluate.intervals import minimum_detectable_difference, percentile_interval, two_sided_p
from hilum.evaluate.metrics import (
    AUROC,
    MACRO,
    case_notes,
    check_redraws,
    macro_notes,
    metrics_table,
    number_or_null,
    seeds_in_words,
    undefined_notes,
)
from hilum.evaluate.multiplicity import benjamini_hochberg
from hilum.evaluate.predictions import Predictions
from hilum.evaluate.replicates import ArmRedraws, redraw_arms
from hilum.progress import ProgressReport, silent

COMPARISONS_SCHEMA = {
    "arm": pl.String,
    "against": pl.String,
    "finding": pl.String,
    "metric": pl.String,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "p": pl.Float64,
    "p_adjusted": pl.Float64,
    "detectable": pl.Float64,
    "family": pl.String,
    "note": pl.String,
}


def compare_predictions(
    first: Sequence[Predictions],
    second: Sequence[Predictions],
    *,
    redraws: int = 2000,
    seed: int = 0,
    min_positives: int = 10,
    on_progress: ProgressReport = silent,
) -> pl.DataFrame:
    """First minus second: paired differences in AUROC per finding and macro.

    Args:
        first: predictions of one arm, one a seed.
        second: predictions of the other arm, of the same images.
        redraws: of the bootstrap, at least 40.
        seed: of the redraws.
        min_positives: findings with fewer positive patients, or fewer negative patients, are left out of the macro mean
            and not tested.
        on_progress: told the redraws done.

    Returns:
        As the comparisons of `evaluate_arms`, without the columns `arm` and `against`.

    Raises:
        HilumError: predictions that do not go together, or too few redraws.
    """
    arms = {"second": second, "first": first}
    _, comparisons = evaluate_arms(
        arms, against="second", redraws=redraws, seed=seed, min_positives=min_positives, on_progress=on_progress
    )
    return comparisons.drop("arm", "against")


def evaluate_arms(
    arms: Mapping[str, Sequence[Predictions]],
    *,
    against: str | None = None,
    redraws: int = 2000,
    seed: int = 0,
    min_positives: int = 10,
    on_progress: ProgressReport = silent,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All arms, all findings, on the same redraws.

    Two families of tests, each adjusted by Benjamini-Hochberg by itself: the macro differences (primary), and the
    differences of single findings, all findings and all pairs of arms together. A finding with too few patients is not
    tested; that depends on labels alone, never on scores.

    Args:
        arms: for each arm its predictions, one a seed; all of the same images.
        against: the arm that all others are compared with; None for every pair (the later arm minus the earlier).
        redraws: of the bootstrap, at least 40.
        seed: of the redraws.
        min_positives: findings with fewer positive patients, or fewer negative patients, are left out of the macro mean
            and not tested.
        on_progress: told the redraws done.

    Returns:
        metrics: as `evaluate_predictions` returns them, with the column `arm` before.
        comparisons: arm, against, finding, metric, difference (arm - against), low, high (95 %), p (two-sided, never
            0), p_adjusted, detectable (the difference such a test shows with 80 % power), family, note.

    Raises:
        HilumError: predictions that do not go together, an unknown `against`, or too few redraws.
    """
    check_redraws(redraws)
    if against is not None and against not in arms:
        raise HilumError("against", expected=f"one of {', '.join(arms)}", found=against, fix="Name one of the arms.")
    aligned = align(arms)
    cases = count_cases(aligned.labels, aligned.patients)
    redrawn = redraw_arms(aligned, redraws=redraws, seed=seed, on_progress=on_progress)
    metrics = [
        metrics_table(arm, aligned.findings, cases, min_positives).select(pl.lit(name).alias("arm"), pl.all())
        for name, arm in redrawn.items()
    ]
    if against is None:
        pairs = [(later, earlier) for earlier, later in combinations(arms, 2)]
    else:
        pairs = [(arm, against) for arm in arms if arm != against]
    rows = [
        {"arm": arm, "against": other, **row}
        for arm, other in pairs
        for row in _differences(redrawn[arm], redrawn[other], aligned.findings, cases, min_positives)
    ]
    return pl.concat(metrics), _with_families(pl.DataFrame(rows, schema=COMPARISONS_SCHEMA), len(pairs))


def _differences(
    arm: ArmRedraws, other: ArmRedraws, findings: Sequence[str], cases: Cases, min_positives: int
) -> list[dict[str, object]]:
    included = cases.enough(min_positives)
    estimate, redrawn = arm.macro(included)
    other_estimate, other_redrawn = other.macro(included)
    same = arm.seeds == other.seeds
    seeds = seeds_in_words(arm.seeds) if same else f"{arm.seeds} against {other.seeds} seeds, redrawn independently"
    notes = macro_notes(included, min_positives, seeds)
    rows = [_difference(MACRO, estimate - other_estimate, redrawn - other_redrawn, notes, tested=bool(included.any()))]
    for index, finding in enumerate(findings):
        shown = bool(cases.enough(2)[index])
        rows.append(
            _difference(
                finding,
                float(arm.estimate[index] - other.estimate[index]) if shown else float("nan"),
                arm.redrawn[index] - other.redrawn[index] if shown else np.full(0, np.nan),
                case_notes(cases, index, min_positives),
                tested=bool(included[index]),
            )
        )
    return rows


def _difference(
    finding: str, difference: float, redrawn: NDArray[np.float64], notes: list[str], *, tested: bool
) -> dict[str, object]:
    low, high = percentile_interval(redrawn)
    p = two_sided_p(redrawn) if tested else float("nan")
    return {
        "finding": finding,
        "metric": AUROC,
        "difference": number_or_null(difference),
        "low": number_or_null(low),
        "high": number_or_null(high),
        "p": number_or_null(p),
        "detectable": number_or_null(minimum_detectable_difference(redrawn)),
        "note": "; ".join([*notes, *undefined_notes(redrawn)]),
    }


def _with_families(rows: pl.DataFrame, pairs: int) -> pl.DataFrame:
    """Adjust each family by itself, and say in words which it is."""
    macro = (rows["finding"] == MACRO).to_numpy()
    p = rows["p"].fill_null(float("nan")).to_numpy()
    tested = np.isfinite(p)
    adjusted = np.full(len(rows), np.nan)
    family = np.full(len(rows), "not tested: too few positive or negative patients", dtype=object)
    compared = f"{pairs} comparison{'s' if pairs > 1 else ''}"
    for rows_of_family, name in ((macro, "macro, primary"), (~macro, "single findings")):
        inside = rows_of_family & tested
        adjusted[rows_of_family] = benjamini_hochberg(p[rows_of_family])
        tests = int(inside.sum())
        count = tests // max(pairs, 1)
        findings = "" if name.startswith("macro") else f"{count} finding{'s' if count > 1 else ''} x "
        family[inside] = f"{name}: {findings}{compared} = {tests} test{'s' if tests > 1 else ''}, Benjamini-Hochberg"
    return rows.with_columns(
        pl.Series("p_adjusted", adjusted, dtype=pl.Float64).fill_nan(None),
        pl.Series("family", family.tolist(), dtype=pl.String),
    )
