"""Whether an exported model says what the original says, and how fast each is."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from hilum.errors import HilumError

TOLERANCE = 1e-4
"""Of a probability."""
_RUNS = 7

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Parity:
    """An exported model beside the original.

    Attributes:
        difference: largest, of a probability.
        images: that were compared, in batches of one and of all.
        milliseconds, milliseconds_torch: of one image, the median of several runs on this machine's CPU.
    """

    difference: float
    images: int
    milliseconds: float
    milliseconds_torch: float


def check_parity(original: Run, exported: Run, images: NDArray[np.float32], where: object) -> Parity:
    """Compare two models.

    Args:
        original, exported: images (B, 1, S, S) in [0, 1] to probabilities (B, F).
        images: at least two, (N, 1, S, S).
        where: what the export is called, for the message.

    Raises:
        HilumError: a probability differs by more than `TOLERANCE`.
    """
    wanted = original(images)
    found = exported(images)
    one_by_one = np.concatenate([exported(image[None]) for image in images])
    difference = float(max(np.abs(found - wanted).max(), np.abs(one_by_one - wanted).max()))
    if not difference <= TOLERANCE:
        raise HilumError(
            where,
            expected=f"the probabilities of the original, to {TOLERANCE:g}",
            found=f"a difference of {difference:.2g} on {len(images)} images",
            fix="This model cannot be exported in this format; nothing was written.",
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
