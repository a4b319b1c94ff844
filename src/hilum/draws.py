"""Random numbers as a function of (seed, epoch, image, view), without state.

Philox-4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011),
§3.3. The number of workers, the composition of batches and resuming a run do not change the draws.
"""

import hashlib
from collections.abc import Iterable
from enum import IntEnum, unique

import numpy as np
from numpy.typing import NDArray


@unique
class Stream(IntEnum):
    """Uses of `shuffled`; draws of different streams are independent.

    Never change or reuse a number: results depend on it.
    """

    EPOCH = 0
    SPLIT = 1
    FRACTION = 2
    VALIDATION = 3
    SPLIT_OF_IMAGES = 4
    RESAMPLING = 5
    PROBE = 20
    IMAGES_TO_SHOW = 611
    IMAGES_TO_EXPLAIN = 612
    PURITY = 620
    POINTS_TO_SHOW = 621
    TEST_IMAGES_TO_EXPLAIN = 631
    CONTACT_SHEET = 5_100


_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ROUNDS = 10


def image_keys(image_ids: Iterable[str]) -> NDArray[np.uint64]:
    """Compute 64-bit keys (N,) of image ids: the first eight bytes of BLAKE2b, equal on every machine."""
    digests = (hashlib.blake2b(image_id.encode(), digest_size=8).digest() for image_id in image_ids)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def uniforms(seed: int, keys: NDArray[np.uint64], count: int, *, epoch: int = 0, view: int = 0) -> NDArray[np.float64]:
    """Draw uniform numbers in [0, 1) for each image.

    Args:
        seed: Random seed of the run, 0 to 2^64 - 1.
        keys: `image_keys` of N images.
        count: Number of draws per image, at most 4 x 65,536.
        epoch: Epoch, 0 to 2^32 - 1.
        view: Number of the augmented view, 0 to 65,535; draws of different views are independent. Numbers from 60,000
            are reserved for other uses (the order of an epoch, a split).

    Returns:
        (N, count). Row i depends only on keys[i], not on other rows.
    """
    blocks = np.arange(-(-count // 4), dtype=np.uint64)
    shape = len(keys), len(blocks)
    counter = (
        np.broadcast_to((keys & _LOW)[:, None], shape),
        np.broadcast_to((keys >> _HALF)[:, None], shape),
        np.full(shape, epoch, dtype=np.uint64),
        np.broadcast_to((np.uint64(view) << np.uint64(16)) | blocks, shape),
    )
    key = np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32 & 0xFFFFFFFF)
    words = np.stack(philox(counter, key), axis=-1)
    return words.reshape(len(keys), 4 * len(blocks))[:, :count].astype(np.float64) / 2.0**32


def shuffled(seed: int, keys: NDArray[np.uint64], *, epoch: int = 0, use: int = 0) -> NDArray[np.int64]:
    """Shuffle images, for an epoch or a split; return indices into `keys`, (N,).

    Images are sorted by one draw per image, so the order does not depend on the order of `keys`.

    Args:
        seed, epoch: As in `uniforms`.
        keys: `image_keys`, without repeats.
        use: A `Stream`, 0 to 5,535; orders for different uses are independent.
    """
    high, low = (uniforms(seed, keys, 2, epoch=epoch, view=60_000 + use) * 2.0**32).astype(np.uint64).T
    return np.lexsort((keys, (high << _HALF) | low)).astype(np.int64)


def philox(
    counter: tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]],
    key: tuple[np.uint64, np.uint64],
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]:
    """Compute Philox-4x32-10 of many counters with one key; 32-bit words are stored as uint64."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        first, second = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (second >> _HALF) ^ c1 ^ k0, second & _LOW, (first >> _HALF) ^ c3 ^ k1, first & _LOW
        k0, k1 = (k0 + _WEYL[0]) & _LOW, (k1 + _WEYL[1]) & _LOW
    return c0, c1, c2, c3
