"""Views on CPUs: geometry, gray values and blur in one compiled pass (numba).

Each view pixel is the mean over its footprint in the source: the exact area average for minification, bilinear
interpolation otherwise (the mean over a square of one source pixel). Pixels outside the image are black.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hilum.augment.finish import MEAN_STEPS

BLUR_REACH = 4.0  # truncation in standard deviations, as in scipy.ndimage


@njit(cache=True, nogil=True)
def fill_views(
    images: NDArray[Any],
    white: float,
    maps: NDArray[np.float64],
    extents: NDArray[np.float64],
    brightness: NDArray[np.float64],
    contrast: NDArray[np.float64],
    sigma: NDArray[np.float64],
    views: NDArray[np.float32],
) -> None:
    """Fill `views`, (N, T, T), from `images`, (N, S, S).

    Args:
        images: Gray values from 0 to `white`.
        white: 255 for uint8, 1 for floats.
        maps: Affine maps of `ViewParameters`, (N, 2, 3).
        extents: `footprints` of the maps, (N, 2).
        brightness, contrast, sigma: As in `ViewParameters`, (N,) each.
        views: Output, in [0, 1].
    """
    size = views.shape[1]
    taps = np.empty((2, int(extents.max()) + 3), dtype=np.float32)
    reach = int(BLUR_REACH * sigma.max() + 0.5)
    padded = np.empty(size + 2 * reach, dtype=np.float32)
    rows = np.empty((size, size), dtype=np.float32)
    for n in range(len(images)):
        _resample(images[n], np.float32(white), maps[n], extents[n, 0], extents[n, 1], taps, views[n])
        if brightness[n] != 1.0 or contrast[n] != 1.0:
            _adjust(views[n], brightness[n], contrast[n])
        if sigma[n] > 0.0:
            _blur(views[n], sigma[n], padded, rows)


@njit(cache=True, nogil=True)
def _resample(image, white, affine, wide, high, taps, view):  # type: ignore[no-untyped-def]
    side, size = image.shape[0], view.shape[0]
    end = side - 1.0
    bilinear = wide <= 1.0 and high <= 1.0
    few = wide <= 2.0 and high <= 2.0
    half_w, half_h = max(wide, 1.0) / 2, max(high, 1.0) / 2
    inverse_area = np.float32(1.0 / (4.0 * half_w * half_h))
    for i in range(size):
        start_x = affine[0, 1] * i + affine[0, 2]
        start_y = affine[1, 1] * i + affine[1, 2]
        for j in range(size):
            x = affine[0, 0] * j + start_x
            y = affine[1, 0] * j + start_y
            if bilinear and 0.0 <= x < end and 0.0 <= y < end:
                left, top = int(x), int(y)
                fx, fy = np.float32(x - left), np.float32(y - top)
                upper = (1 - fx) * np.float32(image[top, left]) + fx * np.float32(image[top, left + 1])
                lower = (1 - fx) * np.float32(image[top + 1, left]) + fx * np.float32(image[top + 1, left + 1])
                grey = (1 - fy) * upper + fy * lower
            elif few and 1.0 <= x < end - 1.0 and 1.0 <= y < end - 1.0:
                # A box of one to two pixels overlaps at most three.
                left, top = int(x - half_w + 0.5), int(y - half_h + 0.5)
                x0, x2 = np.float32(left + 0.5 - x + half_w), np.float32(max(x + half_w - left - 1.5, 0.0))
                x1 = np.float32(min(x + half_w - left - 0.5, 1.0))
                y0, y2 = np.float32(top + 0.5 - y + half_h), np.float32(max(y + half_h - top - 1.5, 0.0))
                y1 = np.float32(min(y + half_h - top - 0.5, 1.0))
                grey = y0 * _three(image, top, left, x0, x1, x2) + y1 * _three(image, top + 1, left, x0, x1, x2)
                grey = (grey + y2 * _three(image, top + 2, left, x0, x1, x2)) * inverse_area
            else:
                left, across = _axis_taps(x, wide, side, taps[0])
                top, down = _axis_taps(y, high, side, taps[1])
                grey = np.float32(0.0)
                for k in range(down):
                    row = np.float32(0.0)
                    for m in range(across):
                        row += taps[0, m] * np.float32(image[top + k, left + m])
                    grey += taps[1, k] * row
            view[i, j] = min(grey / white, np.float32(1.0))


@njit(cache=True, nogil=True, inline="always")
def _three(image, row, left, first, second, third):  # type: ignore[no-untyped-def]
    grey = first * np.float32(image[row, left]) + second * np.float32(image[row, left + 1])
    return grey + third * np.float32(image[row, left + 2])


@njit(cache=True, nogil=True)
def _axis_taps(position, extent, side, weights):  # type: ignore[no-untyped-def]
    """Compute weights of the pixels under a footprint along one axis; return the first pixel and their number."""
    low, high = max(position - extent / 2, -0.5), min(position + extent / 2, side - 0.5)
    covered = (high - low) / extent
    if covered <= 0.0:
        return 0, 0
    if extent > 1.0:
        first = min(int(low + 0.5), side - 1)
        last = min(int(np.ceil(high + 0.5)) - 1, side - 1)
        for k in range(first, last + 1):
            weights[k - first] = (min(high, k + 0.5) - max(low, k - 0.5)) / extent
        return first, last - first + 1
    # Between the outermost pixel centres and the edge there is one pixel only.
    if position <= 0.0 or position >= side - 1.0:
        weights[0] = covered
        return (0 if position <= 0.0 else side - 1), 1
    first = int(position)
    weights[0], weights[1] = 1.0 - (position - first), position - first
    return first, 2


@njit(cache=True, nogil=True)
def _adjust(view, brightness, contrast):  # type: ignore[no-untyped-def]
    size = view.shape[0]
    total = 0
    for i in range(size):
        for j in range(size):
            total += int(view[i, j] * np.float32(MEAN_STEPS))
    mean = total / (MEAN_STEPS * size * size)
    gain = np.float32(brightness * contrast)
    lift = np.float32(brightness * (1.0 - contrast) * mean)
    for i in range(size):
        for j in range(size):
            view[i, j] = min(max(gain * view[i, j] + lift, np.float32(0.0)), np.float32(1.0))


@njit(cache=True, nogil=True)
def _blur(view, sigma, padded, rows):  # type: ignore[no-untyped-def]
    size = view.shape[0]
    reach = int(BLUR_REACH * sigma + 0.5)
    exact = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (exact / exact.sum()).astype(np.float32)
    for i in range(size):
        for j in range(-reach, size + reach):
            padded[j + reach] = view[i, _reflected(j, size)]
        rows[i] = np.float32(0.0)
        for k in range(2 * reach + 1):
            for j in range(size):
                rows[i, j] += weights[k] * padded[j + k]
    for i in range(size):
        view[i] = np.float32(0.0)
        for k in range(2 * reach + 1):
            source = _reflected(i + k - reach, size)
            for j in range(size):
                view[i, j] += weights[k] * rows[source, j]
        for j in range(size):
            view[i, j] = min(view[i, j], np.float32(1.0))  # weights sum to 1 up to rounding


@njit(cache=True, nogil=True, inline="always")
def _reflected(index, size):  # type: ignore[no-untyped-def]
    """Reflect an index at the edges, with the outermost pixel repeated."""
    index %= 2 * size
    return index if index < size else 2 * size - 1 - index
