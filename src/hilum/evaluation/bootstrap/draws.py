"""Bootstrap counts: how often each patient (or seed) is drawn in each resample.

Resample r is a function of (seed, r) alone, so it is the same for any number of resamples, threads and blocks, and for
all findings, metrics and arms. Random words are those of Philox-4x32-10, as in `hilum.draws`; Lemire's multiplication
with rejection (ACM Transactions on Modeling and Computer Simulation 29(1), 2019, algorithm 5) turns them into integers
below n with exactly equal probabilities.

Loops are compiled to machine code on their first call and cached on disk where possible.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(loop: Loop) -> Loop:
    """Compile a function of numbers and arrays with numba; it releases the global interpreter lock.

    Numba cannot cache without a writable directory (a read-only installation without a home directory). Such a process
    compiles again, which takes one or two seconds.
    """
    try:
        return cast(Loop, njit(nogil=True, error_model="numpy", cache=True)(loop))
    except RuntimeError:
        return cast(Loop, njit(nogil=True, error_model="numpy")(loop))


PATIENTS = 0
"""Stream of patients; stream S >= 1 draws among S seeds."""

_MULTIPLIER_0, _MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL_0, _WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ZERO, _ONE = np.uint64(0), np.uint64(1)
_APART_FROM_TRAINING = 0x52454452  # different random words for the bootstrap and the batches of one seed


def bootstrap_counts(
    units: int, *, draws: int, n_bootstrap: int, seed: int, stream: int = PATIENTS, first: int = 0
) -> NDArray[np.uint8]:
    """Draw from units with replacement and count the draws of each unit.

    Args:
        units: Number of patients or seeds, 1 to 2^32 - 1.
        draws: Number of draws in each resample.
        n_bootstrap: Number of resamples.
        seed: Random seed, 0 to 2^64 - 1.
        stream: Random stream; different streams are independent.
        first: Number of the first resample.

    Returns:
        (units, resamples). Columns sum to `draws`. Counts above 255 would overflow; their probability is below
        1 / 256! (1e-506) for each unit.
    """
    counts = np.zeros((units, n_bootstrap), dtype=np.uint8)
    key = seed & 0xFFFFFFFF, (seed >> 32 & 0xFFFFFFFF) ^ _APART_FROM_TRAINING
    _draw(np.uint64(key[0]), np.uint64(key[1]), np.uint64(stream), first, draws, counts)
    return counts


@compiled
def _philox(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    for _ in range(10):
        a, b = c0 * _MULTIPLIER_0, c2 * _MULTIPLIER_1
        c0, c1, c2, c3 = (b >> _HALF) ^ c1 ^ k0, b & _LOW, (a >> _HALF) ^ c3 ^ k1, a & _LOW
        k0, k1 = (k0 + _WEYL_0) & _LOW, (k1 + _WEYL_1) & _LOW
    return c0, c1, c2, c3


@compiled
def _draw(k0: np.uint64, k1: np.uint64, stream: np.uint64, first: int, draws: int, counts: NDArray[np.uint8]) -> None:
    units = np.uint64(counts.shape[0])
    rejected_below = (_LOW + _ONE - units) % units
    for column in range(counts.shape[1]):
        resample, block, done = np.uint64(first + column), _ZERO, 0
        while done < draws:
            words = _philox(block, resample, stream, _ZERO, k0, k1)
            block += _ONE
            for word in words:
                product = word * units
                if done < draws and product & _LOW >= rejected_below:
                    counts[np.int64(product >> _HALF), column] += np.uint8(1)
                    done += 1
