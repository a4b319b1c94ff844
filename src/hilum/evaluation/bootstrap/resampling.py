"""One set of resamples for everything: patients are drawn once for each block, and every statistic receives the counts.

A statistic sees how often each patient counts and nothing else of a resample. So the same functions give the estimate
(every patient once), the bootstrap (patients drawn with replacement) and the jackknife (one patient left out).

Sums over images in every resample of patients: a resample only changes how often each patient's share is added.

Counts of true and false positives at a fixed threshold, squared errors, cells of a confusion matrix are such sums.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.bootstrap.draws import PATIENTS, bootstrap_counts, compiled
from hilum.progress import ProgressReport, silent

BLOCK = 64
"""Resamples in one pass: their counts for one patient fill one cache line."""

Counts: TypeAlias = NDArray[np.uint8]
Statistic: TypeAlias = Callable[[Counts], NDArray[np.float64]]
"""From how often each patient counts, (P, 64), to K numbers in each of the 64 resamples, (K, 64)."""

_STRATA = 1 << 20
"""Streams from here on draw within strata; below they draw patients and seeds."""


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
    """All statistics on the same resamples of patients.

    Args:
        statistics: by name.
        units: P, how many patients there are and are drawn each time.
        n_bootstrap: B, how many; resample r does not depend on it.
        seed: of the resamples.
        strata: (P,), 0 to S - 1; patients are resampled within their stratum. None to resample all of them together.
        threads: None for as many as this process may use. The result does not depend on it.
        on_progress: receives the resamples done.

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
    """All statistics with every patient counted once: the estimates, (K,) each."""
    counts = np.ones((units, BLOCK), dtype=np.uint8)
    return {name: np.ascontiguousarray(statistic(counts)[:, 0]) for name, statistic in statistics.items()}


def jackknife_statistics(
    statistics: Mapping[str, Statistic],
    units: int,
    *,
    threads: int | None = None,
    on_progress: ProgressReport = silent,
) -> dict[str, NDArray[np.float64]]:
    """All statistics without patient 0, without patient 1, and so on: (K, P) each, in the order of patients."""

    def draw(first: int) -> Counts:
        counts = np.ones((units, BLOCK), dtype=np.uint8)
        left_out = np.arange(first, min(first + BLOCK, units))
        counts[left_out, left_out - first] = 0
        return counts

    return _in_blocks(statistics, draw, units, threads, on_progress)


def available_threads() -> int:
    """Cores this process may run on."""
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
    """Add up each column over each patient's images.

    Args:
        values: (N, K).
        patients: (N,), 0 to P - 1.
        units: P.

    Returns:
        (K, P).
    """
    return np.stack([np.bincount(patients, weights=column, minlength=units) for column in values.T])


def sums_statistic(shares: NDArray[np.float64]) -> Statistic:
    """The K sums over patients, in any resamples of them.

    Args:
        shares: (K, P), each patient's share of each sum. Whole numbers give exact sums.
    """
    rows, columns = np.nonzero(shares)
    bounds = np.searchsorted(rows, np.arange(len(shares) + 1))
    values, patients = shares[rows, columns], columns.astype(np.int32)

    def statistic(counts: Counts) -> NDArray[np.float64]:
        out = np.zeros((len(shares), BLOCK))
        weighted_sums(patients, values, bounds, counts, out)
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
    """K sums in 64 resamples, each in the order of patients whatever runs beside it.

    Args:
        patients: whose share it is; of patients without a share there is none.
        values: the share.
        bounds: (K + 1,), where each sum begins and ends.
        counts: (P, 64), how often each patient counts.
        out: (K, 64), filled; zeros before.
    """
    for row in range(len(bounds) - 1):
        for at in range(bounds[row], bounds[row + 1]):
            count = counts[patients[at]]
            value = values[at]
            for resample in range(BLOCK):
                out[row, resample] += value * count[resample]
