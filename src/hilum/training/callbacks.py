"""Looking at what a run would leave, every few epochs, and keeping the best of it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from hilum.training.distributed import broadcast_result, rank
from hilum.training.settings import KeepProbed

SMOOTHED = 3
"""Probes that `smoothed_probe` averages."""
SECONDS = "probe_seconds"
"""Column of the curves: what a probe took."""


@dataclass(frozen=True)
class Probing:
    """How a run is probed.

    Attributes:
        evaluate: at the module that is kept (`Trainable.kept`), between two epochs; to numbers for the curves, always under
            `names`. Called in the first of several processes only. It leaves the module, its mode and torch's
            generators as they were.
        names: of these numbers.
        quality: the one of them that says how good the module is; higher is better.
        every: epochs from one probe to the next; the last epoch is always probed, and so is the start.
        keep: weights of which epoch are kept (`hilum.training.settings.KeepProbed`).
        error: the one of the numbers that is the standard error of the quality; for `within_one_error`.
    """

    evaluate: Callable[[nn.Module], Mapping[str, float]]
    names: tuple[str, ...]
    quality: str
    every: int
    keep: KeepProbed = "last"
    error: str = ""

    @property
    def chooses(self) -> bool:
        """Whether the epoch that is kept depends on the probes."""
        return self.keep != "last"

    def quality_and_error(self, probed: Mapping[str, float | None]) -> tuple[float | None, float]:
        """Quality and its standard error in a row of the curves; None where no probe was due, 0 where none is known."""
        error = probed.get(self.error)
        return probed[self.quality], 0.0 if error is None or not error > 0 else error

    def evaluate_after(self, module: nn.Module, epoch: int, epochs: int) -> dict[str, float | None]:
        """Columns of the curves after so many of so many epochs, 0 for the start; None where no probe is due.

        The first of several processes looks, and the others receive it.
        """
        if epoch % self.every and epoch != epochs:
            return dict.fromkeys(self.columns)
        began = time.perf_counter()
        results = broadcast_result(
            lambda: dict(self.evaluate(module)) if rank() == 0 else {}, f"probe after epoch {epoch}"
        )
        return {**results, SECONDS: time.perf_counter() - began}

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the curves."""
        return *self.names, SECONDS
