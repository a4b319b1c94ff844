"""Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

Equal to the Mann-Whitney statistic over the number of pairs (Hanley & McNeil, Radiology 143:29-36, 1982), and computed
from midranks, which is exact: sums of whole and half numbers.

AUROC in every resample of patients: sorted once, then one pass over the images for 64 resamples at a time.

A resample only changes how often a patient's images count. Visit the images from the lowest score to the highest: each
negative adds its count to `below`; each positive wins its count x `below` pairs. A positive is visited once before and
once after the negatives it ties with, as a half each time, so it wins half of the tied pairs. All sums are whole
numbers, so the result is that of the definition, and only its last step, a division, rounds.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.evaluation.bootstrap import BLOCK, Counts, Statistic, available_threads, bootstrap_statistics, compiled
from hilum.progress import ProgressReport, silent


def auroc(labels: ArrayLike, scores: ArrayLike) -> float:
    """AUROC of one finding.

    Args:
        labels: (N,), 1 positive, 0 negative, NaN unknown (left out).
        scores: (N,), any order-preserving scale.

    Returns:
        0 to 1; 0.5 where scores say nothing; NaN without positives or without negatives.
    """
    positive, score = split_by_label(labels, scores)
    positives = int(positive.sum())
    negatives = positive.size - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    pairs_won = midranks(score)[positive].sum() - positives * (positives + 1) / 2
    return float(pairs_won / (positives * negatives))


def aurocs(labels: ArrayLike, scores: ArrayLike) -> NDArray[np.float64]:
    """AUROC of each finding, (F,), from labels and scores (N, F); see `auroc`."""
    label, score = np.asarray(labels, dtype=np.float64), np.asarray(scores)
    return np.array([auroc(label[:, finding], score[:, finding]) for finding in range(label.shape[1])])


def midranks(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Ranks from 1 up, ties sharing the mean of theirs, (N,)."""
    _, place, tied = np.unique(scores, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(tied) - (tied - 1) / 2)[place]
    return ranks


def split_by_label(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.floating]]:
    """Which images are positive, and their scores, without those whose label is unknown (NaN)."""
    label = np.asarray(labels, dtype=np.float64)
    known = ~np.isnan(label)
    return label[known] == 1, np.asarray(scores)[known]


@dataclass(frozen=True)
class AscendingScores:
    """The order in which one column of scores is passed through.

    Attributes:
        patients: (V,) int32, whose image is visited.
        halves: (V,) uint8, 0 a negative, 1 half a positive (it is visited twice), 2 a whole positive.
    """

    patients: NDArray[np.int32]
    halves: NDArray[np.uint8]


def visits(labels: NDArray[np.floating], scores: NDArray[np.floating], patients: NDArray[np.int32]) -> AscendingScores:
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
    return AscendingScores(
        patients=np.concatenate([patient, patient[twice]])[in_order].astype(np.int32),
        halves=np.concatenate([halves, halves[twice]])[in_order].astype(np.uint8),
    )


def bootstrap_roc_auc(
    labels: NDArray[np.floating],
    scores: NDArray[np.floating],
    patients: NDArray[np.int32],
    *,
    n_bootstrap: int,
    seed: int,
    threads: int | None = None,
    on_progress: ProgressReport = silent,
) -> NDArray[np.float64]:
    """AUROC of all findings and models on the same resamples of patients.

    Args:
        labels: (N, F), 1, 0 or NaN (unknown).
        scores: (M, N, F), one layer for each model (arm and seed).
        patients: (N,), whose image it is, 0 to P - 1; P is the largest + 1, and P patients are drawn each time.
        n_bootstrap: B, how many; resample r does not depend on it.
        seed: of the resamples.
        threads: None for as many as this process may use. The result does not depend on it.
        on_progress: receives the resamples done.

    Returns:
        (M, F, B); NaN where a resample holds no positive or no negative of a finding.
    """
    models, _, findings = scores.shape
    units = int(patients.max()) + 1 if len(patients) else 0
    if not units:
        return np.full((models, findings, n_bootstrap), np.nan)
    columns = [(labels[:, finding], layer[:, finding]) for layer in scores for finding in range(findings)]
    statistic = auroc_statistic(columns, patients, threads=threads)
    resampled = bootstrap_statistics(
        {"": statistic}, units, n_bootstrap=n_bootstrap, seed=seed, threads=threads, on_progress=on_progress
    )[""]
    return resampled.reshape(models, findings, n_bootstrap)


def auroc_statistic(
    columns: Sequence[tuple[NDArray[np.floating], NDArray[np.floating]]],
    patients: NDArray[np.int32],
    *,
    threads: int | None = None,
) -> Statistic:
    """Sort each column of scores once; then their AUROCs in any resamples of patients.

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
    """AUROC of C sorted columns in 64 resamples.

    Args:
        patients: of the columns' `AscendingScores`, one column after another.
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
                for resample in range(BLOCK):
                    below[resample] += count[resample]
            else:
                for resample in range(BLOCK):
                    visited = np.int32(count[resample]) * half
                    positive_halves[resample] += visited
                    won_halves[resample] += np.int64(visited) * np.int64(below[resample])
        for resample in range(BLOCK):
            pairs = np.int64(positive_halves[resample]) * np.int64(below[resample])
            out[column, resample] = won_halves[resample] / pairs if pairs > 0 else np.nan
