"""Gamma, solarisation, noise and erasing of views: compiled code for CPUs, tensor operations for GPUs.

Noise is a function of the image's two keys and the pixel index: a hash gives 48 bits, and these a normal deviate (Box
and Muller 1958), so that pixels are independent and both versions draw the same.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from hilum.data.transfer import to_device

MEAN_STEPS = 2.0**20  # means are summed in integer multiples of 1/this: exact in any order
_LOW, _HALF, _15, _8 = np.uint64(0xFFFFFFFF), np.uint64(16), np.uint64(15), np.uint64(8)
# Rounds of a 32-bit hash with low bias: the constants of C. Wellons' "hash prospector" (2018).
_FIRST, _SECOND = np.uint64(0x7FEB352D), np.uint64(0x846CA68B)
_OTHER = np.uint64(0x9E3779B9)


@dataclass(frozen=True)
class Finish:
    """Parameters after the blur of N views; row i belongs to view i.

    Args:
        gamma: Exponents, (N,).
        solarized: Solarisation, (N,) bool.
        noise: Standard deviations of noise, (N,); 0: none.
        noise_keys: Two integers below 2^32, (N, 2) uint64.
        erased: First row, end row, first column, end column of the erased rectangle, (N, 4); zeros: none.
    """

    gamma: NDArray[np.float64]
    solarized: NDArray[np.bool_]
    noise: NDArray[np.float64]
    noise_keys: NDArray[np.uint64]
    erased: NDArray[np.int64]


@njit(cache=True, nogil=True)
def finish_views(
    views: NDArray[np.float32],
    gamma: NDArray[np.float64],
    solarized: NDArray[np.bool_],
    noise: NDArray[np.float64],
    noise_keys: NDArray[np.uint64],
    erased: NDArray[np.int64],
) -> None:
    """Apply the parameters of `Finish` to `views`, (N, T, T) in [0, 1], in place."""
    size = views.shape[1]
    for n in range(len(views)):
        if gamma[n] != 1.0:
            for i in range(size):
                for j in range(size):
                    views[n, i, j] = views[n, i, j] ** np.float32(gamma[n])
        if solarized[n]:
            for i in range(size):
                for j in range(size):
                    if views[n, i, j] >= np.float32(0.5):
                        views[n, i, j] = np.float32(1.0) - views[n, i, j]
        if noise[n] > 0.0:
            for i in range(size):
                for j in range(size):
                    grey = views[n, i, j] + noise[n] * _normal(noise_keys[n], np.uint64(i * size + j))
                    views[n, i, j] = min(max(grey, 0.0), 1.0)
        if erased[n, 1] > erased[n, 0] and erased[n, 3] > erased[n, 2]:
            total = 0
            for i in range(size):
                for j in range(size):
                    total += int(views[n, i, j] * np.float32(MEAN_STEPS))
            views[n, erased[n, 0] : erased[n, 1], erased[n, 2] : erased[n, 3]] = total / (MEAN_STEPS * size * size)


def finish_with_tensors(views: Tensor, finish: Finish) -> Tensor:
    """Apply the parameters on any device, (N, T, T) in [0, 1] to the same shape."""

    def column(values: NDArray[np.generic], dtype: torch.dtype = torch.float32) -> Tensor:
        return to_device(values, views.device, dtype)[:, None, None]

    size = views.shape[-1]
    if (finish.gamma != 1).any():
        views = torch.where(column(finish.gamma) == 1, views, views ** column(finish.gamma))
    if finish.solarized.any():
        views = torch.where(column(finish.solarized, torch.bool) & (views >= 0.5), 1 - views, views)
    if finish.noise.any():
        first, second = (column(keys.astype(np.int64), torch.int64) for keys in finish.noise_keys.T)
        pixels = torch.arange(size * size, device=views.device).reshape(1, size, size)
        noisy = views + column(finish.noise) * _normals(first, second, pixels)
        views = torch.where(column(finish.noise) == 0, views, noisy.clamp(0.0, 1.0))
    if finish.erased.any():
        mean = (views * MEAN_STEPS).long().sum(dim=(1, 2), keepdim=True).float() / (MEAN_STEPS * size * size)
        top, bottom, left, right = (column(edge, torch.int64) for edge in finish.erased.T)
        places = torch.arange(size, device=views.device)
        down, across = places[None, :, None], places[None, None, :]
        views = torch.where((down >= top) & (down < bottom) & (across >= left) & (across < right), mean, views)
    return views


@njit(cache=True, nogil=True, inline="always")
def _normal(keys, pixel):  # type: ignore[no-untyped-def]
    start = _mixed((_mixed(pixel ^ keys[0]) + keys[1]) & _LOW)
    radius = ((start >> _8) + 1.0) / 2.0**24
    angle = (_mixed((start + _OTHER) & _LOW) >> _8) / 2.0**24
    return math.sqrt(-2.0 * math.log(radius)) * math.cos(2.0 * math.pi * angle)


@njit(cache=True, nogil=True, inline="always")
def _mixed(word):  # type: ignore[no-untyped-def]
    word = ((word ^ (word >> _HALF)) * _FIRST) & _LOW
    word = ((word ^ (word >> _15)) * _SECOND) & _LOW
    return word ^ (word >> _HALF)


def _normals(first: Tensor, second: Tensor, pixels: Tensor) -> Tensor:
    low = int(_LOW)

    def mixed(word: Tensor) -> Tensor:  # int64 wraps around on overflow; the low half stays correct
        word = ((word ^ (word >> 16)) * int(_FIRST)) & low
        word = ((word ^ (word >> 15)) * int(_SECOND)) & low
        return word ^ (word >> 16)

    start = mixed((mixed(pixels ^ first) + second) & low)
    radius = ((start >> 8) + 1).float() / 2.0**24
    angle = (mixed((start + int(_OTHER)) & low) >> 8).float() / 2.0**24
    return (-2.0 * radius.log()).sqrt() * (2.0 * math.pi * angle).cos()
