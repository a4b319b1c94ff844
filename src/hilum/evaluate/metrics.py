"""One arm's numbers: AUROC per finding and over findings, each with the interval of redrawn patients and seeds."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.errors import HilumError
from hilum.evaluate.arms import align
from hilum.evaluate.cases import Cases, count_cases
from hilum.evaluate.intervals import percentile_interval
from hilum.evaluate.predictions import Predictions
from hilum.evaluate.replicates import ArmRedraws, redraw_arms
from hilum.progress import ProgressReport, silent

MACRO = "macro"
"""Name of the row over findings."""

AUROC = "auroc"

MIN_REDRAWS = 40
"""Below this a tail of 2.5 % does not hold one redraw."""

TRUSTED_PATIENTS = 20
"""With fewer positive (or negative) patients a percentile interval tends to be too narrow."""

METRICS_SCHEMA = {
    "finding": pl.String,
    "metric": pl.String,
    "estimate": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n": pl.Int64,
    "positives": pl.Int64,
    "patients": pl.Int64,
    "note": pl.String,
}


def evaluate_predictions(
    predictions: Sequence[Predictions],
    *,
    redraws: int = 2000,
    seed: int = 0,
    min_positives: int = 10,
    on_progress: ProgressReport = silent,
) -> pl.DataFrame:
    """AUROC per finding and macro with 95 % intervals over redrawn patients (and seeds).

    Args:
        predictions: one a seed, of the same images.
        redraws: of the bootstrap, at least 40.
        seed: of the redraws.
        min_positives: findings with fewer positive patients, or fewer negative ones, are left out of the macro mean.
        on_progress: told the redraws done.

    Returns:
        Rows `macro`, then findings: finding, metric ("auroc"), estimate (mean over seeds), low, high, n (images with a
        known label), positives (images; null for macro), patients, note. Estimate and interval are null where they are
        undefined or would rest on one patient.

    Raises:
        HilumError: predictions that do not go together, or too few redraws.
    """
    check_redraws(redraws)
    aligned = align({"": predictions})
    arm = redraw_arms(aligned, redraws=redraws, seed=seed, on_progress=on_progress)[""]
    return metrics_table(arm, aligned.findings, count_cases(aligned.labels, aligned.patients), min_positives)


def metrics_table(arm: ArmRedraws, findings: Sequence[str], cases: Cases, min_positives: int) -> pl.DataFrame:
    """The rows of one arm, as `evaluate_predictions` returns them."""
    included = cases.enough(min_positives)
    estimate, redrawn = arm.macro(included)
    rows = [
        {
            "finding": MACRO,
            **_estimate_and_interval(estimate, redrawn),
            "n": int(cases.images.max(initial=0)),
            "positives": None,
            "patients": int(cases.patients.max(initial=0)),
            "note": "; ".join(
                [*macro_notes(included, min_positives, seeds_in_words(arm.seeds)), *undefined_notes(redrawn)]
            ),
        }
    ]
    for index, finding in enumerate(findings):
        shown = bool(cases.enough(2)[index])
        redrawn = arm.redrawn[index] if shown else np.full(0, np.nan)
        rows.append(
            {
                "finding": finding,
                **_estimate_and_interval(float(arm.estimate[index]) if shown else float("nan"), redrawn),
                "n": int(cases.images[index]),
                "positives": int(cases.positives[index]),
                "patients": int(cases.patients[index]),
                "note": "; ".join(
                    [
                        *case_notes(cases, index, min_positives),
                        *score_notes(arm, index),
                        *(undefined_notes(redrawn) if shown else []),
                    ]
                ),
            }
        )
    return pl.DataFrame([{"metric": AUROC, **row} for row in rows], schema=METRICS_SCHEMA)


def check_redraws(redraws: int) -> None:
    """Refuse a number of redraws that has no tails.

    Raises:
        HilumError: fewer than 40.
    """
    if redraws < MIN_REDRAWS:
        fix = "Use 1000 or more for numbers that you publish."
        raise HilumError("redraws", expected=f"at least {MIN_REDRAWS}", found=str(redraws), fix=fix)


def case_notes(cases: Cases, index: int, min_positives: int) -> list[str]:
    """What the number of cases does to one finding."""
    notes = []
    for what, images, patients in (
        ("positive", cases.positives[index], cases.positive_patients[index]),
        ("negative", cases.negatives[index], cases.negative_patients[index]),
    ):
        if images == 0:
            notes.append(f"no {what}s: left out")
        elif patients == 1:
            notes.append(f"one {what} patient: left out")
        elif patients < min_positives:
            notes.append(f"left out of macro: {patients} {what} patients (fewer than {min_positives})")
        elif patients < TRUSTED_PATIENTS:
            notes.append(f"{patients} {what} patients: the interval may be too narrow")
    return notes


def macro_notes(included: NDArray[np.bool_], min_positives: int, seeds: str) -> list[str]:
    """What the mean over findings is a mean of, and over how many seeds, in words."""
    if not included.any():
        return [f"no finding has {min_positives} positive and {min_positives} negative patients"]
    left_out = len(included) - int(included.sum())
    return [
        f"mean over {included.sum()} finding{'s' if included.sum() > 1 else ''}"
        + (f", {left_out} left out" if left_out else ""),
        seeds,
    ]


def seeds_in_words(seeds: int) -> str:
    """How many seeds, and what one seed cannot say."""
    return f"{seeds} seeds" if seeds > 1 else "one seed: the spread between runs is not in the interval"


def score_notes(arm: ArmRedraws, index: int) -> list[str]:
    """What the scores of one finding do to its interval."""
    if arm.constant[index]:
        return ["constant scores: every image got the same"]
    if arm.estimate[index] in (0.0, 1.0):
        return ["perfectly separated: the percentile interval says nothing here"]
    return []


def undefined_notes(redrawn: NDArray[np.float64]) -> list[str]:
    """How many redraws had no positive or no negative, where there are such."""
    undefined = int(np.count_nonzero(~np.isfinite(redrawn)))
    if undefined in (0, len(redrawn)):
        return []
    return [f"{undefined} of {len(redrawn)} redraws undefined and not used"]


def number_or_null(value: float) -> float | None:
    """NaN as null: what a table shows as empty."""
    return float(value) if np.isfinite(value) else None


def _estimate_and_interval(estimate: float, redrawn: NDArray[np.float64]) -> dict[str, float | None]:
    low, high = percentile_interval(redrawn)
    return {"estimate": number_or_null(estimate), "low": number_or_null(low), "high": number_or_null(high)}
