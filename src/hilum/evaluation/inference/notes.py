"""Notes attached to estimates: sample sizes, seeds and exclusions."""

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.predictions import Cases
from hilum.notes import Code, Note, note

TRUSTED_PATIENTS = 20
"""With fewer positive (or negative) patients bootstrap intervals tend to be too narrow."""

TOO_NARROW = "the interval may be too narrow"


def case_notes(cases: Cases, index: int, min_positive_patients: int) -> list[Note]:
    """Return notes on the numbers of positive and negative cases of one finding."""
    notes = []
    for side, images, patients in (
        ("positive", cases.positives[index], int(cases.positive_patients[index])),
        ("negative", cases.negatives[index], int(cases.negative_patients[index])),
    ):
        if images == 0:
            notes.append(note(Code.NO_CASES, side=side))
        elif patients == 1:
            notes.append(note(Code.ONE_PATIENT, side=side))
        elif patients < min_positive_patients:
            notes.append(
                note(Code.TOO_FEW_PATIENTS, patients=patients, side=side, min_positive_patients=min_positive_patients)
            )
        elif patients < TRUSTED_PATIENTS:
            notes.append(note(Code.FEW_PATIENTS, patients=patients, side=side))
    return notes


def macro_notes(included: NDArray[np.bool_], min_positive_patients: int, seeds: Note) -> list[Note]:
    """Return notes on the findings and seeds of a mean over findings."""
    if not included.any():
        return [note(Code.NOTHING_TO_AVERAGE, min_positive_patients=min_positive_patients)]
    inside = int(included.sum())
    left_out = len(included) - inside
    rest = f", {left_out} excluded" if left_out else ""
    return [note(Code.MEAN_OVER, findings=inside, plural="s" if inside > 1 else "", left_out=rest), seeds]


def note_of_seeds(seeds: int, others: int | None = None) -> Note:
    """Return the note on the number of seeds.

    Args:
        seeds: Seeds of the arm.
        others: Seeds of the arm it is compared with; None for the same number.
    """
    if others is not None and others != seeds:
        return note(Code.UNEQUAL_SEEDS, seeds=seeds, others=others)
    return note(Code.SEVERAL_SEEDS, seeds=seeds) if seeds > 1 else note(Code.ONE_SEED)


def undefined_notes(resampled: NDArray[np.float64]) -> list[Note]:
    """Return a note on resamples without a positive or negative, if any."""
    undefined = int(np.count_nonzero(~np.isfinite(resampled)))
    if undefined in (0, len(resampled)):
        return []
    return [note(Code.UNDEFINED_SAMPLES, undefined=undefined, samples=len(resampled))]


def estimate_columns(
    estimate: float, interval: tuple[float, float], *, name: str = "estimate", prefix: str = ""
) -> dict[str, float | None]:
    """Return the columns of an estimate and its interval, null where undefined: NAME, PREFIXci_low, PREFIXci_high."""
    values = {name: estimate, f"{prefix}ci_low": interval[0], f"{prefix}ci_high": interval[1]}
    return {column: number_or_null(float(value)) for column, value in values.items()}


def number_or_null(value: float) -> float | None:
    """Return a number, or None for NaN and infinity (an empty cell of a table)."""
    return float(value) if np.isfinite(value) else None
