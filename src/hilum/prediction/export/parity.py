"""Comparison of an exported model with the original: outputs and latency."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from hilum.errors import HilumError

TOLERANCE = 1e-4
"""Tolerance of a probability."""
_RUNS = 7

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Parity:
    """Comparison of an exported model with the original.

    Attributes:
        difference: Largest difference of a probability.
        images: Number of compared images, in batches of one and of all.
        milliseconds, milliseconds_torch: Time per image of the exported and the original model, median of several runs
            on this machine's CPU.
    """

    difference: float
    images: int
    milliseconds: float
    milliseconds_torch: float


def check_parity(original: Run, exported: Run, images: NDArray[np.float32], where: object) -> Parity:
    """Compare two models.

    Args:
        original, exported: Functions from images (B, 1, S, S) in [0, 1] to probabilities (B, F).
        images: At least two images, (N, 1, S, S).
        where: Name of the export, for the error.

    Raises:
        HilumError: A probability differs by more than `TOLERANCE`.
    """
    wanted = original(images)
    found = exported(images)
    one_by_one = np.concatenate([exported(image[None]) for image in images])
    difference = float(max(np.abs(found - wanted).max(), np.abs(one_by_one - wanted).max()))
    if not difference <= TOLERANCE:
        raise HilumError(
            where,
            expected=f"the probabilities of the original, within {TOLERANCE:g}",
            found=f"a difference of {difference:.2g} on {len(images)} images",
            fix="Choose another format; nothing was written.",
        )
    return Parity(difference, len(images), _latency(exported, images[:1]), _latency(original, images[:1]))


def _latency(run: Run, image: NDArray[np.float32]) -> float:
    run(image)
    seconds = []
    for _ in range(_RUNS):
        began = time.perf_counter()
        run(image)
        seconds.append(time.perf_counter() - began)
    return 1000 * median(seconds)
