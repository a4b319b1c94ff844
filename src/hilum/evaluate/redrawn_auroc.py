"""AUROC in every redraw of patients: sorted once, then one pass over the images for 64 redraws at a time.

A redraw only changes how often a patient's images count. Visit the images from the lowest score to the highest: each
negative adds its count to `below`; each positive wins its count x `below` pairs. A positive is visited once before and
once after the negatives it ties with, as a half each time, so it wins half of the tied pairs. All sums are whole
numbers, so the result is that of the definition, and only its last step, a division, rounds.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.evaluate.compiled import compiled
from hilum.evaluate.resampling import BLOCK, Counts, Statistic, available_threads, over_redraws
from hilum.progress import ProgressReport, silent


@dataclass(frozen=True)
class Visits:
    """The order in which one column of scores is passed through.

    Attributes:
        patients: (V,) int32, whose image is visited.
        halves: (V,) uint8, 0 a negative, 1 half a positive (it is visited twice), 2 a whole positive.
    """

    patients: NDArray[np.int32]
    halves: NDArray[np.uint8]


def visits(labels: NDArray[np.floating], scores: NDArray[np.floating], patients: NDArray[np.int32]) -> Visits:
    """Sort the images of one finding by score.

    Args:
        labels: (N,), 1, 0, or NaN: not visited.
        scores: (N,), no NaN.
        patients: (N,), 0 to P - 1.
    """
    known = np.flatnonzero(~np.isnan(labels))
    order = known[np.argsort(scores[known])]
    score, positive, patient = scores[order], labels[order] == 1, patients[order]
    tie = np.zeros(len(order), dtype=np.int64)
    np.cumsum(score[1:] != score[:-1], out=tie[1:])
    with_negatives = np.bincount(tie, weights=~positive, minlength=1) > 0
    twice = positive & with_negatives[tie] if len(order) else positive
    halves = np.where(positive, np.where(twice, 1, 2), 0)
    place = np.concatenate([3 * tie + ~positive, 3 * tie[twice] + 2])  # before, among, after the negatives of a tie
    in_order = np.argsort(place, kind="stable")
    return Visits(
        patients=np.concatenate([patient, patient[twice]])[in_order].astype(np.int32),
        halves=np.concatenate([halves, halves[twice]])[in_order].astype(np.uint8),
    )


def redrawn_auroc(
    labels: NDArray[np.floating],
    scores: NDArray[np.floating],
    patients: NDArray[np.int32],
    *,
    redraws: int,
    seed: int,
    threads: int | None = None,
    on_progress: ProgressReport = silent,
) -> NDArray[np.float64]:
    """AUROC of all findings and models on the same redraws of patients.

    Args:
        labels: (N, F), 1, 0 or NaN (unknown).
        scores: (M, N, F), one layer for each model (arm and seed).
        patients: (N,), whose image it is, 0 to P - 1; P is the largest + 1, and P patients are drawn each time.
        redraws: B, how many; redraw r does not depend on it.
        seed: of the redraws.
        threads: None for as many as this process may use. The result does not depend on it.
        on_progress: told the redraws done.

    Returns:
        (M, F, B); NaN where a redraw holds no positive or no negative of a finding.
    """
    models, _, findings = scores.shape
    units = int(patients.max()) + 1 if len(patients) else 0
    if not units:
        return np.full((models, findings, redraws), np.nan)
    columns = [(labels[:, finding], layer[:, finding]) for layer in scores for finding in range(findings)]
    statistic = auroc_statistic(columns, patients, threads=threads)
    redrawn = over_redraws(
        {"": statistic}, units, redraws=redraws, seed=seed, threads=threads, on_progress=on_progress
    )[""]
    return redrawn.reshape(models, findings, redraws)


def auroc_statistic(
    columns: Sequence[tuple[NDArray[np.floating], NDArray[np.floating]]],
    patients: NDArray[np.int32],
    *,
    threads: int | None = None,
) -> Statistic:
    """Sort each column of scores once; then their AUROCs in any redraws of patients.

    Args:
        columns: K pairs of labels (1, 0, NaN unknown) and scores, of N images each.
        patients: (N,), whose image it is.
        threads: that sort; None for as many as this process may use.
    """
    with ThreadPoolExecutor(threads or available_threads()) as pool:
        sorted_columns = list(pool.map(lambda column: visits(column[0], column[1], patients), columns))
    patient = np.concatenate([column.patients for column in sorted_columns])
    halves = np.concatenate([column.halves for column in sorted_columns])
    bounds = np.cumsum([0, *(len(column.halves) for column in sorted_columns)])

    def statistic(counts: Counts) -> NDArray[np.float64]:
        out = np.empty((len(columns), BLOCK))
        weighted_auroc(patient, halves, bounds, counts, out)
        return out

    return statistic


@compiled
def weighted_auroc(
    patients: NDArray[np.int32],
    halves: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    counts: Counts,
    out: NDArray[np.float64],
) -> None:
    """AUROC of C sorted columns in 64 redraws.

    Args:
        patients: of the columns' `Visits`, one column after another.
        halves: likewise.
        bounds: (C + 1,), where each column begins and ends.
        counts: (P, 64), how often each patient was drawn.
        out: (C, 64), filled.
    """
    below = np.empty(BLOCK, dtype=np.int32)
    positive_halves = np.empty(BLOCK, dtype=np.int32)
    won_halves = np.empty(BLOCK, dtype=np.int64)
    for column in range(len(bounds) - 1):
        below[:] = 0
        positive_halves[:] = 0
        won_halves[:] = 0
        for visit in range(bounds[column], bounds[column + 1]):
            count = counts[patients[visit]]
            half = np.int32(halves[visit])
            if half == 0:
                for redraw in range(BLOCK):
                    below[redraw] += count[redraw]
            else:
                for redraw in range(BLOCK):
                    visited = np.int32(count[redraw]) * half
                    positive_halves[redraw] += visited
                    won_halves[redraw] += np.int64(visited) * np.int64(below[redraw])
        for redraw in range(BLOCK):
            pairs = np.int64(positive_halves[redraw]) * np.int64(below[redraw])
            out[column, redraw] = won_halves[redraw] / pairs if pairs > 0 else np.nan
