"""Candidate pairs for near duplicates, without comparison of all pairs (locality-sensitive hashing).

The 512 bits of a hash are cut into bands of b bits. Images are sorted by each band; candidates of an image are those
that share a band with it and differ in few bits in total (banding: Leskovec, Rajaraman, Ullman, "Mining of massive
datasets", §3.4). One more bit makes a band shared by unrelated images about 0.6 times as frequent, because images are
not independent. Therefore b grows by three bits as the number of images quadruples, and crowded bands are truncated;
the cost per image then hardly grows.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.data.duplicates.hashes import BITS, Hashes, differing_bits

MOST_DIFFERING = 92
"""Largest number of different bits of 512 for a candidate: 18 %, a correlation of 0.84 by Charikar's angle."""
CROWD = 128
"""Largest number of images with the same band that an image is compared with."""
_FEWEST_BITS, _MOST_BITS = 16, 26

Pairs = NDArray[np.int64]


def band_bits(images: int) -> int:
    """Return the number of bits of a band for a number of images: 16 to 26, three more as the number quadruples."""
    return int(np.clip(round(1.5 * math.log2(max(images, 2))) - 1, _FEWEST_BITS, _MOST_BITS))


def candidates(stored: Hashes, looked_up: Sequence[Hashes]) -> Pairs:
    """Find pairs of rows that may be near duplicates.

    Args:
        stored: (N, 8), hashes of N images.
        looked_up: Hashes of the same images, (N, 8) each: as stored, slightly shifted (`hashes.SHIFTS`), or of
            negatives.

    Returns:
        (M, 2), the smaller row first; sorted, each pair once.
    """
    images = len(stored)
    if images < 2:
        return np.empty((0, 2), dtype=np.int64)
    bits = band_bits(images)
    found = [np.empty(0, dtype=np.int64)]
    for band in range(BITS // bits):
        keys = _band(stored, band * bits, bits)
        order = np.argsort(keys, kind="stable")
        for moved in looked_up:
            rows, others = _sharing(keys[order], order, _band(moved, band * bits, bits))
            first, second = np.minimum(rows, others), np.maximum(rows, others)
            near = (first < second) & (differing_bits(moved[rows], stored[others]) <= MOST_DIFFERING)
            found.append(np.unique(first[near] * images + second[near]))
    numbers = np.unique(np.concatenate(found))
    return np.stack(np.divmod(numbers, images), axis=1)


def _band(words: Hashes, start: int, bits: int) -> NDArray[np.uint64]:
    """Return bits `start` to `start + bits` of every hash as one number; they are in one or two 64-bit words."""
    word, offset = divmod(start, 64)
    mask = np.uint64((1 << bits) - 1)
    after = 64 - offset - bits
    if after >= 0:
        return (words[:, word] >> np.uint64(after)) & mask
    return ((words[:, word] << np.uint64(-after)) | (words[:, word + 1] >> np.uint64(64 + after))) & mask


def _sharing(
    keys: NDArray[np.uint64], order: NDArray[np.int64], wanted: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows, and images whose band equals the row's; `keys` are sorted, `order` gives their images."""
    first = np.searchsorted(keys, wanted, side="left")
    sharing = np.searchsorted(keys, wanted, side="right") - first
    # In a crowded band, every image looks at the next ones in a circle, each from another start: chains of pairs still
    # connect all copies of an image, and the cost stays proportional to the number of images.
    taken = np.minimum(sharing, CROWD)
    rows = np.repeat(np.arange(len(wanted)), taken)
    step = np.arange(len(rows)) - np.repeat(np.cumsum(taken) - taken, taken)
    place_of = np.empty(len(order), dtype=np.int64)
    place_of[order] = np.arange(len(order))
    start = np.where(sharing > CROWD, (place_of - first) % np.maximum(sharing, 1), 0)
    within = (start[rows] + step) % np.maximum(sharing[rows], 1)
    return rows, order[first[rows] + within]
