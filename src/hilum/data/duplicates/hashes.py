"""Hash of an image's detail: 512 signs of random projections.

Charikar, "Similarity estimation techniques from rounding algorithms" (STOC 2002), §3: the signs of random projections
of two vectors at an angle t differ with probability t / pi. The fraction of different bits therefore estimates the
correlation of two details, and b bits are all equal with probability (1 - t / pi)^b.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from hilum.data.duplicates.detail import SIDE

BITS = 512
_KEY = 20_260_101  # of the projections; hashes depend on it
_COARSE = SIDE // 2

Hashes = NDArray[np.uint64]

SHIFTS: tuple[tuple[float, float], ...] = ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5), (0.5, -0.5))
"""Shifts to the right and down at which an image is looked up, thumbnail pixels. Half a pixel is 2 of 256. The opposite
directions are not needed, because the other image of the pair is looked up too."""


def hashes(detail: NDArray[np.float32], shift: tuple[float, float] = (0.0, 0.0)) -> Hashes:
    """Hash images.

    Args:
        detail: (N, 64, 64) of `detail.details`.
        shift: Shift of the images before hashing: half a thumbnail pixel, or none, to the right and down.

    Returns:
        (N, 8) uint64: 512 bits for each image.
    """
    coarse = shifted(detail, *shift).reshape(len(detail), _COARSE, 2, _COARSE, 2).mean(axis=(2, 4))
    signs = coarse.reshape(len(detail), -1) @ _projections() > 0
    return np.packbits(signs, axis=1).view(np.dtype(">u8")).astype(np.uint64)


def shifted(detail: NDArray[np.float32], right: float, down: float) -> NDArray[np.float32]:
    """Shift images by fractions of a pixel, bilinearly; the edge is repeated.

    Args:
        detail: (N, H, W).
        right, down: Shift, pixels, -1 to 1.
    """
    moved = _along(detail, 2, right)
    return _along(moved, 1, down)


def differing_bits(first: Hashes, second: Hashes) -> NDArray[np.int64]:
    """Count the different bits of 512, row by row, (N,)."""
    differing: NDArray[np.int64] = np.bitwise_count(first ^ second).sum(axis=1, dtype=np.int64)
    return differing


def _along(detail: NDArray[np.float32], axis: int, by: float) -> NDArray[np.float32]:
    if by == 0:
        return detail
    step = 1 if by > 0 else -1
    size = detail.shape[axis]
    neighbour = np.take(detail, np.clip(np.arange(size) - step, 0, size - 1), axis=axis)
    share = np.float32(abs(by))
    return detail * (1 - share) + neighbour * share


@cache
def _projections() -> NDArray[np.float32]:
    """Return (1024, 512) fixed normal draws."""
    generator = np.random.Generator(np.random.Philox(key=_KEY))
    return generator.standard_normal((_COARSE * _COARSE, BITS), dtype=np.float32)
