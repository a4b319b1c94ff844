"""Area under the ROC curve (AUROC) and its bootstrap.

AUROC is the probability that a positive scores above a negative, with ties counted half: the Mann-Whitney statistic
over the number of pairs (Hanley & McNeil, Radiology 143:29-36, 1982). It is computed from midranks, which is exact:
sums of whole and half numbers.

Bootstrap: scores are sorted once, and one pass over the images computes 64 resamples. A resample only changes the
counts of patients. Images are read from the lowest score to the highest: a negative adds its count to `below`; a
positive wins its count x `below` pairs. A positive with a tied negative is read twice, before and after the negatives
of the tie, as one half each, so it wins half of the tied pairs. All sums are whole numbers; only the final division
rounds.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.evaluation.bootstrap import (
    BLOCK,
    Columns,
    Counts,
    Statistic,
    bootstrap_statistics,
    compiled,
    sorted_statistic,
)
from hilum.progress import ProgressReport, silent


def auroc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Compute the AUROC of one finding.

    Args:
        labels: (N,), 1 positive, 0 negative, NaN unknown (excluded).
        scores: (N,), any order-preserving scale.

    Returns:
        0 to 1; 0.5 for uninformative scores; NaN without positives or without negatives.
    """
    positive, score = split_by_label(labels, scores)
    positives = int(positive.sum())
    negatives = positive.size - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    pairs_won = midranks(score)[positive].sum() - positives * (positives + 1) / 2
    return float(pairs_won / (positives * negatives))


def aurocs(labels: ArrayLike, scores: ArrayLike) -> NDArray[np.float64]:
    """Compute the AUROC of each finding, (F,), from labels and scores (N, F); see `auroc`."""
    label, score = np.asarray(labels, dtype=np.float64), np.asarray(scores)
    return np.array([auroc(label[:, finding], score[:, finding]) for finding in range(label.shape[1])])


def midranks(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Compute ranks from 1 up, (N,); tied scores share the mean of their ranks."""
    _, place, tied = np.unique(scores, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(tied) - (tied - 1) / 2)[place]
    return ranks


def split_by_label(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.floating]]:
    """Return which images are positive, and their scores; exclude images with an unknown label (NaN)."""
    label = np.asarray(labels, dtype=np.float64)
    known = ~np.isnan(label)
    return label[known] == 1, np.asarray(scores)[known]


def sort_ascending(
    labels: NDArray[np.floating], scores: NDArray[np.floating], patients: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Sort the images of one finding from the lowest score to the highest; positives with tied negatives stand twice.

    Args:
        labels: (N,), 1, 0, or NaN (excluded).
        scores: (N,), no NaN.
        patients: (N,), 0 to P - 1.

    Returns:
        patients: (V,), patient of each image.
        halves: (V,), 0 a negative, 1 half a positive (it stands twice), 2 a whole positive.
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
    return (
        np.concatenate([patient, patient[twice]])[in_order].astype(np.int32),
        np.concatenate([halves, halves[twice]])[in_order].astype(np.uint8),
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
    """Compute the AUROC of all findings and models on the same resamples of patients.

    Args:
        labels: (N, F), 1, 0 or NaN (unknown).
        scores: (M, N, F), one layer for each model (arm and seed).
        patients: (N,), patient of each image, 0 to P - 1; each resample draws P patients.
        n_bootstrap: Number of resamples B; resample r does not depend on B.
        seed: Random seed of the resamples.
        threads: None for all available ones. The result does not depend on it.
        on_progress: Receives the number of completed resamples.

    Returns:
        (M, F, B); NaN where a resample has no positive or no negative of a finding.
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


def auroc_statistic(columns: Columns, patients: NDArray[np.int32], *, threads: int | None = None) -> Statistic:
    """Prepare the AUROCs of K columns for any resamples of patients; see `sorted_statistic`."""
    return sorted_statistic(columns, patients, sort_ascending, weighted_auroc, threads=threads)


@compiled
def weighted_auroc(
    patients: NDArray[np.int32],
    halves: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    counts: Counts,
    out: NDArray[np.float64],
) -> None:
    """Compute the AUROC of K sorted columns in 64 resamples.

    Args:
        patients, halves: As of `sort_ascending`, one column after another.
        bounds: (K + 1,), bounds of the columns.
        counts: (P, 64), count of each patient.
        out: (K, 64), filled.
    """
    below = np.empty(BLOCK, dtype=np.int32)
    positive_halves = np.empty(BLOCK, dtype=np.int32)
    won_halves = np.empty(BLOCK, dtype=np.int64)
    for column in range(len(bounds) - 1):
        below[:] = 0
        positive_halves[:] = 0
        won_halves[:] = 0
        for place in range(bounds[column], bounds[column + 1]):
            count = counts[patients[place]]
            half = np.int32(halves[place])
            if half == 0:
                for resample in range(BLOCK):
                    below[resample] += count[resample]
            else:
                for resample in range(BLOCK):
                    read = np.int32(count[resample]) * half
                    positive_halves[resample] += read
                    won_halves[resample] += np.int64(read) * np.int64(below[resample])
        for resample in range(BLOCK):
            pairs = np.int64(positive_halves[resample]) * np.int64(below[resample])
            out[column, resample] = won_halves[resample] / pairs if pairs > 0 else np.nan
