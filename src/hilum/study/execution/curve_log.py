"""Curves of training, written while a study runs where TensorBoard reads them."""

import importlib.util
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from hilum.errors import HilumError
from hilum.finetuning.trials.search import CURVES as TRIAL_CURVES
from hilum.progress import ProgressReport

LOGS = "logs"
"""Directory of the logs in a study's: `tensorboard --logdir DIR/logs`."""
_CURVES = "curves.parquet"
_NOT_PLOTTED = ("epoch", "step", "trial")


class TensorBoardLog:
    """Reads the curves that steps leave, and writes each number of each epoch once.

    A training does not know of it: what it writes beside its checkpoints is read now and then.

    Args:
        out: directory of the study.

    Raises:
        HilumError: TensorBoard is not installed.
    """

    def __init__(self, out: Path) -> None:
        if importlib.util.find_spec("tensorboard") is None:
            raise HilumError(
                "--log tensorboard", expected="the package tensorboard", found="none", fix="Install hilum[tensorboard]."
            )
        self.out = out
        self.written: dict[str, int] = {}
        self.writers: dict[str, Any] = {}

    def following(self, directory: str, report: ProgressReport, *, every_seconds: float = 5.0) -> ProgressReport:
        """A progress report that also looks for new epochs now and then.

        Args:
            directory: of the step, relative to the study's.
            report: that it passes everything on to.
            every_seconds: from one look to the next.
        """
        last = time.monotonic()

        def follow(done: int, total: int, note: str) -> None:
            nonlocal last
            report(done, total, note)
            if time.monotonic() - last >= every_seconds:
                last = time.monotonic()
                self.look(directory)

        return follow

    def look(self, directory: str) -> None:
        """Write what a step has computed since the last look."""
        for name, curves in self._curves(directory):
            before = self.written.get(name, 0)
            for row in curves.filter(pl.col("epoch") > before).to_dicts():
                for key, value in row.items():
                    if key not in _NOT_PLOTTED and isinstance(value, int | float):
                        self._writer(name).add_scalar(key, value, row["epoch"])
                self.written[name] = row["epoch"]

    def close(self) -> None:
        """Finish the files."""
        for writer in self.writers.values():
            writer.close()
        self.writers = {}

    def _curves(self, directory: str) -> Iterator[tuple[str, pl.DataFrame]]:
        done = self.out / directory
        for place in (done, done.parent / f".{done.name}.partial"):
            if (place / _CURVES).is_file():
                yield directory, pl.read_parquet(place / _CURVES)
                return
        if (done / TRIAL_CURVES).is_file():
            for (trial,), curves in pl.read_parquet(done / TRIAL_CURVES).group_by("trial", maintain_order=True):
                yield f"{directory}/trial-{trial:03d}", curves

    def _writer(self, name: str) -> Any:
        if name not in self.writers:
            from torch.utils.tensorboard import SummaryWriter

            self.writers[name] = SummaryWriter(str(self.out / LOGS / name))
        return self.writers[name]
