"""Comparison of two images: correlation of one with the other and its derivatives.

To first order an image that is shifted by a fraction of a pixel is the image plus its derivatives along rows and
columns. The multiple correlation of one image's detail with the other's detail and its two derivatives therefore is
their correlation at the best small shift; larger shifts are tried, half a thumbnail pixel at a time.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hilum.data.duplicates.candidates import Pairs
from hilum.data.duplicates.detail import FINE, SIDE, Thumbnails, details

_STEP: Final = 0.5  # thumbnail pixels; 2 of 256
_MIN_TO_SHIFT: Final = 0.75  # pairs with a smaller correlation are not tried at other shifts
_MARGIN: Final = 3  # thumbnail pixels ignored at each edge, where a shifted image differs
_CLIPPED: Final = 253  # gray level of 255 from which a thumbnail pixel is saturated and ignored
_MIN_FRACTION: Final = 0.3  # of the image that must be valid in both
_UNIT: Final = 32  # of a detail in 8 bits; details are mostly within -3 to 3
_AT_A_TIME = 512


def correlations(thumbnails: Thumbnails, pairs: Pairs, *, workers: int = 1) -> NDArray[np.float64]:
    """Compute correlations of the details of image pairs, at the best shift of up to one thumbnail pixel (4 of 256).

    Saturated parts of either image are ignored. 0 if less than 30 % of the images can be compared, or one is constant.
    Memory: 8 kB for each image.

    Args:
        thumbnails: (N, 64, 64).
        pairs: (M, 2), rows.
        workers: Number of threads.

    Returns:
        (M,), -1 to 1; negative if one is the negative of the other.
    """
    rows, place = np.unique(pairs, return_inverse=True)
    place = place.reshape(pairs.shape)
    detail = np.empty((len(rows), SIDE, SIDE), dtype=np.int8)
    valid = np.empty((len(rows), SIDE, SIDE), dtype=np.bool_)
    found = np.empty(len(pairs))

    def look_at(first: int) -> None:
        part = slice(first, first + _AT_A_TIME)
        shown = thumbnails[rows[part]]
        detail[part] = np.clip(np.rint(details(shown, FINE) * _UNIT), -127, 127)
        valid[part] = shown < _CLIPPED

    def compare(first: int) -> None:
        part = slice(first, first + _AT_A_TIME)
        _compare(detail, valid, place[part], found[part])

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(look_at, range(0, len(rows), _AT_A_TIME)))
        list(pool.map(compare, range(0, len(pairs), _AT_A_TIME)))
    return found


@njit(cache=True, nogil=True)
def _compare(detail, valid, pairs, found):  # type: ignore[no-untyped-def]
    moved = np.empty((SIDE, SIDE))
    for number in range(len(pairs)):
        one, other = pairs[number]
        used = valid[one] & valid[other]
        best = 0.0
        for place in range(9):
            if place == 1 and abs(best) < _MIN_TO_SHIFT:
                break
            # 0 is no shift; the others are the eight neighbouring shifts.
            step = (0, 1, 2, 3, 5, 6, 7, 8, 4)[place] if place else 4
            _move(detail[other], (step % 3 - 1) * _STEP, (step // 3 - 1) * _STEP, moved)
            here = _explained(detail[one], moved, used)
            if abs(here) > abs(best):
                best = here
        found[number] = best


@njit(cache=True, nogil=True)
def _move(image, right, down, moved):  # type: ignore[no-untyped-def]
    """Shift bilinearly; the edge is repeated."""
    beside, below = -int(np.sign(right)), -int(np.sign(down))
    share_right, share_down = abs(right), abs(down)
    for y in range(SIDE):
        from_y = min(max(y + below, 0), SIDE - 1)
        for x in range(SIDE):
            from_x = min(max(x + beside, 0), SIDE - 1)
            here = (1 - share_right) * image[y, x] + share_right * image[y, from_x]
            there = (1 - share_right) * image[from_y, x] + share_right * image[from_y, from_x]
            moved[y, x] = (1 - share_down) * here + share_down * there


@njit(cache=True, nogil=True)
def _explained(first, second, used):  # type: ignore[no-untyped-def]
    """Return the multiple correlation of `first` with `second` and its derivatives over the used pixels; its sign is
    that of the slope on `second`.
    """
    count = 0
    sums = np.zeros(4)
    products = np.zeros((4, 4))
    value = np.empty(4)
    for y in range(_MARGIN, SIDE - _MARGIN):
        for x in range(_MARGIN, SIDE - _MARGIN):
            if used[y, x]:
                count += 1
                value[0] = first[y, x]
                value[1] = second[y, x]
                value[2] = (second[y, x + 1] - second[y, x - 1]) / 2
                value[3] = (second[y + 1, x] - second[y - 1, x]) / 2
                for i in range(4):
                    sums[i] += value[i]
                    for j in range(i + 1):
                        products[i, j] += value[i] * value[j]
    if count < _MIN_FRACTION * (SIDE - 2 * _MARGIN) ** 2:
        return 0.0
    covariance = np.empty((4, 4))
    for i in range(4):
        for j in range(i + 1):
            covariance[i, j] = covariance[j, i] = products[i, j] / count - sums[i] * sums[j] / count**2
    if covariance[0, 0] < 1.0 or covariance[1, 1] < 1.0:  # in units of 1/32 squared: constant in the used pixels
        return 0.0
    slopes = np.linalg.solve(covariance[1:, 1:] + 1e-6 * np.eye(3), covariance[1:, 0].copy())
    share = (slopes * covariance[1:, 0]).sum() / covariance[0, 0]
    return np.sign(slopes[0]) * np.sqrt(min(max(share, 0.0), 1.0))
