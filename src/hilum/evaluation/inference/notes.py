"""What a reader must know of a number, in words: how many cases, how many seeds, what was left out and why."""

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.predictions import Cases

TRUSTED_PATIENTS = 20
"""With fewer positive (or negative) patients intervals from redraws tend to be too narrow, and differences to be shown
too often or never."""

TOO_NARROW = "the interval may be too narrow"


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
            notes.append(f"{patients} {what} patients: {TOO_NARROW}")
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


def undefined_notes(redrawn: NDArray[np.float64]) -> list[str]:
    """How many redraws had no positive or no negative, where there are such."""
    undefined = int(np.count_nonzero(~np.isfinite(redrawn)))
    if undefined in (0, len(redrawn)):
        return []
    return [f"{undefined} of {len(redrawn)} redraws undefined and not used"]


def number_or_null(value: float) -> float | None:
    """NaN as null: what a table shows as empty."""
    return float(value) if np.isfinite(value) else None
