"""Shared patient-level bootstrap: one set of resampling counts, used by all statistics.

A statistic receives the count of each patient and nothing else of a resample. The same functions therefore compute the
point estimate (every patient once), the bootstrap (patients drawn with replacement) and the jackknife (one patient
excluded). `sums_statistic` is for sums over images: true and false positives at a threshold, squared errors, cells of a
confusion matrix.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.bootstrap.draws import PATIENTS, bootstrap_counts, compiled
from hilum.progress import ProgressReport, silent

BLOCK = 64
"""Resamples in one pass: the counts of one patient fill one cache line."""

Counts: TypeAlias = NDArray[np.uint8]
Statistic: TypeAlias = Callable[[Counts], NDArray[np.float64]]
"""Function of the count of each patient, (P, 64), that returns K numbers in each of the 64 resamples, (K, 64)."""

Columns: TypeAlias = Sequence[tuple[NDArray[np.floating], NDArray[np.floating]]]
"""K pairs of labels (1, 0, NaN unknown) and scores, of N images each."""

_STRATA = 1 << 20
"""First random stream of the strata; streams below it draw patients and seeds."""


def bootstrap_statistics(
    statistics: Mapping[str, Statistic],
    units: int,
    *,
    n_bootstrap: int,
    seed: int,
    strata: NDArray[np.integer] | None = None,
    threads: int | None = None,
    on_progress: ProgressReport = silent,
) -> dict[str, NDArray[np.float64]]:
    """Compute all statistics on the same resamples of patients.

    Args:
        statistics: Statistics by name.
        units: Number of patients P, and of draws in each resample.
        n_bootstrap: Number of resamples B; resample r does not depend on it.
        seed: Random seed of the resamples.
        strata: (P,), 0 to S - 1; patients are resampled within their stratum. None for no strata.
        threads: None for all available ones. The result does not depend on it.
        on_progress: Receives the number of completed resamples.

    Returns:
        For each statistic (K, B).
    """

    def draw(first: int) -> Counts:
        if strata is None:
            return bootstrap_counts(units, draws=units, n_bootstrap=BLOCK, seed=seed, stream=PATIENTS, first=first)
        counts = np.zeros((units, BLOCK), dtype=np.uint8)
        for stratum in np.unique(strata):
            inside = np.flatnonzero(strata == stratum)
            stream = _STRATA + int(stratum)
            counts[inside] = bootstrap_counts(
                len(inside), draws=len(inside), n_bootstrap=BLOCK, seed=seed, stream=stream, first=first
            )
        return counts

    return _in_blocks(statistics, draw, n_bootstrap, threads, on_progress)


def point_estimate_counts(statistics: Mapping[str, Statistic], units: int) -> dict[str, NDArray[np.float64]]:
    """Compute all statistics with every patient counted once: the point estimates, (K,) each."""
    counts = np.ones((units, BLOCK), dtype=np.uint8)
    return {name: np.ascontiguousarray(statistic(counts)[:, 0]) for name, statistic in statistics.items()}


def jackknife_statistics(
    statistics: Mapping[str, Statistic],
    units: int,
    *,
    threads: int | None = None,
    on_progress: ProgressReport = silent,
) -> dict[str, NDArray[np.float64]]:
    """Compute all statistics without patient 0, without patient 1, ...: (K, P) each."""

    def draw(first: int) -> Counts:
        counts = np.ones((units, BLOCK), dtype=np.uint8)
        left_out = np.arange(first, min(first + BLOCK, units))
        counts[left_out, left_out - first] = 0
        return counts

    return _in_blocks(statistics, draw, units, threads, on_progress)


def available_threads() -> int:
    """Return the number of cores available to this process."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _in_blocks(
    statistics: Mapping[str, Statistic],
    draw: Callable[[int], Counts],
    columns: int,
    threads: int | None,
    on_progress: ProgressReport,
) -> dict[str, NDArray[np.float64]]:
    blocks = range(0, columns, BLOCK)

    def one_block(first: int) -> dict[str, NDArray[np.float64]]:
        counts = draw(first)
        return {name: statistic(counts) for name, statistic in statistics.items()}

    with ThreadPoolExecutor(threads or available_threads()) as pool:
        done = list(_reported(pool.map(one_block, blocks), columns, on_progress))
    return {
        name: np.concatenate([block[name] for block in done], axis=1)[:, :columns] if done else np.empty((0, 0))
        for name in statistics
    }


def _reported(
    results: Iterator[dict[str, NDArray[np.float64]]], columns: int, on_progress: ProgressReport
) -> Iterator[dict[str, NDArray[np.float64]]]:
    for done, result in enumerate(results, start=1):
        yield result
        on_progress(min(done * BLOCK, columns), columns, "")


def by_patient(values: NDArray[np.floating], patients: NDArray[np.int32], units: int) -> NDArray[np.float64]:
    """Sum each column over the images of each patient.

    Args:
        values: (N, K).
        patients: (N,), 0 to P - 1.
        units: Number of patients P.

    Returns:
        (K, P).
    """
    return np.stack([np.bincount(patients, weights=column, minlength=units) for column in values.T])


def sums_statistic(shares: NDArray[np.float64]) -> Statistic:
    """Prepare K sums over patients for any resamples.

    Args:
        shares: (K, P), contribution of each patient to each sum. Whole numbers give exact sums.
    """
    rows, columns = np.nonzero(shares)
    bounds = np.searchsorted(rows, np.arange(len(shares) + 1))
    values, patients = shares[rows, columns], columns.astype(np.int32)

    def statistic(counts: Counts) -> NDArray[np.float64]:
        out = np.zeros((len(shares), BLOCK))
        weighted_sums(patients, values, bounds, counts, out)
        return out

    return statistic


def sorted_statistic(
    columns: Columns,
    patients: NDArray[np.int32],
    sort: Callable[..., tuple[NDArray[Any], ...]],
    kernel: Callable[..., None],
    *settings: float,
    threads: int | None = None,
) -> Statistic:
    """Sort each column once; the statistic then runs a compiled kernel on any resamples of patients.

    Args:
        columns: K pairs of labels (1, 0, NaN unknown) and scores, of N images each.
        patients: (N,), patient of each image.
        sort: Function of labels, scores and patients of one column to arrays of one length V, patients first.
        kernel: Compiled function of these arrays, one column after another, bounds (K + 1,) of the columns in them,
            counts (P, 64) of each patient in 64 resamples, `settings`, and the output (K, 64).
        settings: Further arguments of the kernel.
        threads: Threads that sort; None for all available ones.
    """
    with ThreadPoolExecutor(threads or available_threads()) as pool:
        each = list(pool.map(lambda column: sort(*column, patients), columns))
    ordered = [np.concatenate(parts) for parts in zip(*each, strict=True)]
    bounds = np.cumsum([0, *(len(one[0]) for one in each)])

    def statistic(counts: Counts) -> NDArray[np.float64]:
        out = np.empty((len(columns), BLOCK))
        kernel(*ordered, bounds, counts, *settings, out)
        return out

    return statistic


@compiled
def weighted_sums(
    patients: NDArray[np.int32],
    values: NDArray[np.float64],
    bounds: NDArray[np.int64],
    counts: Counts,
    out: NDArray[np.float64],
) -> None:
    """Compute K sums in 64 resamples, always in the order of patients.

    Args:
        patients: Patients with a contribution, one sum after another.
        values: Their contributions.
        bounds: (K + 1,), bounds of the sums.
        counts: (P, 64), count of each patient.
        out: (K, 64), zeros; filled.
    """
    for row in range(len(bounds) - 1):
        for at in range(bounds[row], bounds[row + 1]):
            count = counts[patients[at]]
            value = values[at]
            for resample in range(BLOCK):
                out[row, resample] += value * count[resample]
