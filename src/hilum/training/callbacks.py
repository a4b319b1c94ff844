"""Probe callback: evaluation of the exported module every few epochs, which may select the exported epoch."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from hilum.training.distributed import broadcast_result, rank
from hilum.training.settings import KeepProbed

SMOOTHED = 3
"""Number of probes that `smoothed_probe` averages."""
SECONDS = "probe_seconds"
"""Column of the curves: duration of the probe in s."""


@dataclass(frozen=True)
class Probing:
    """A probe of a run.

    Attributes:
        evaluate: Function of the exported module (`Trainable.exported`) to metrics for the curves, always with the same
            `names`. Called on rank 0 between epochs; must not change the module, its mode or torch's generators.
        names: Names of the metrics.
        quality: Name of the metric that measures quality; higher is better.
        every: Epochs between probes; the start and the last epoch are always probed.
        keep: Rule for the exported epoch (`hilum.training.settings.KeepProbed`).
        error: Name of the metric with the standard error of the quality, for `within_one_error`.
    """

    evaluate: Callable[[nn.Module], Mapping[str, float]]
    names: tuple[str, ...]
    quality: str
    every: int
    keep: KeepProbed = "last"
    error: str = ""

    @property
    def chooses(self) -> bool:
        """True if probes select the exported epoch."""
        return self.keep != "last"

    def quality_and_error(self, probed: Mapping[str, float | None]) -> tuple[float | None, float]:
        """Return quality (None without a probe) and its standard error (0 if not known) from a row of the curves."""
        error = probed.get(self.error)
        return probed[self.quality], 0.0 if error is None or not error > 0 else error

    def evaluate_after(self, module: nn.Module, epoch: int, epochs: int) -> dict[str, float | None]:
        """Return the columns of the curves after `epoch` of `epochs` epochs (0: start); None if no probe is due.

        Evaluated on rank 0 and broadcast.
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
        """Columns of the curves."""
        return *self.names, SECONDS
