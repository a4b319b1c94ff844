"""Pairs of images that may be the same image, found without comparing every image with every other.

The 512 bits of a hash are cut into bands of b bits. Images are sorted by each band, and an image is a candidate of
those that share a band with it and differ in few bits altogether (banding: Leskovec, Rajaraman, Ullman, "Mining of
massive datasets", §3.4). A bit more makes a band that strangers share about 0.6 times as frequent: images are not
independent draws. So b grows by three bits as the number of images quadruples, and crowded bands are cut off; the cost
per image then hardly grows.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.data.duplicates.hashes import BITS, Hashes, differing_bits

MOST_DIFFERING = 92
"""Bits of 512 in which a candidate may differ: 18 %, a correlation of 0.84 by Charikar's angle."""
CROWD = 128
"""An image is compared with at most so many others that share a band with it."""
_FEWEST_BITS, _MOST_BITS = 16, 26

Pairs = NDArray[np.int64]


def band_bits(images: int) -> int:
    """Bits of a band for so many images: 16 to 26, three more as the number quadruples."""
    return int(np.clip(round(1.5 * math.log2(max(images, 2))) - 1, _FEWEST_BITS, _MOST_BITS))


def candidates(stored: Hashes, looked_up: Sequence[Hashes]) -> Pairs:
    """Pairs of rows whose images may be the same image.

    Args:
        stored: (N, 8), the hashes of N images.
        looked_up: hashes of the same images, (N, 8) each: as stored, moved a little (`hashes.SHIFTS`), or of negatives.

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
    """Bits `start` to `start + bits` of every hash as one number; they lie in one 64-bit word or in two."""
    word, offset = divmod(start, 64)
    mask = np.uint64((1 << bits) - 1)
    after = 64 - offset - bits
    if after >= 0:
        return (words[:, word] >> np.uint64(after)) & mask
    return ((words[:, word] << np.uint64(-after)) | (words[:, word + 1] >> np.uint64(64 + after))) & mask


def _sharing(
    keys: NDArray[np.uint64], order: NDArray[np.int64], wanted: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows, and the images whose band is what the row looks up; `keys` are sorted, `order` tells whose they are."""
    first = np.searchsorted(keys, wanted, side="left")
    sharing = np.searchsorted(keys, wanted, side="right") - first
    # In a crowd, every image looks at the next ones in a circle, from another place each: chains of pairs still join
    # all copies of an image, and the cost stays in proportion to the number of images.
    taken = np.minimum(sharing, CROWD)
    rows = np.repeat(np.arange(len(wanted)), taken)
    step = np.arange(len(rows)) - np.repeat(np.cumsum(taken) - taken, taken)
    place_of = np.empty(len(order), dtype=np.int64)
    place_of[order] = np.arange(len(order))
    start = np.where(sharing > CROWD, (place_of - first) % np.maximum(sharing, 1), 0)
    within = (start[rows] + step) % np.maximum(sharing[rows], 1)
    return rows, order[first[rows] + within]
