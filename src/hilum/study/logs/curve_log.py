"""Reading the curves that steps leave, epoch by epoch, while a study runs."""

import importlib.util
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from hilum.errors import HilumError
from hilum.finetuning.trials.search import CURVES as TRIAL_CURVES
from hilum.progress import ProgressReport

LOGS = "logs"
"""Directory of the logs in a study's."""
_CURVES = "curves.parquet"
_NOT_PLOTTED = ("epoch", "step", "trial")


class CurveLog(ABC):
    """Reads the curves that steps leave, and writes each number of each epoch once.

    A training does not know of it: what it writes beside its checkpoints is read now and then.

    Args:
        out: directory of the study.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.written: dict[str, int] = {}

    def reporting(self, directory: str, report: ProgressReport, *, every_seconds: float = 5.0) -> ProgressReport:
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
                self.update(directory)

        return follow

    def update(self, directory: str) -> None:
        """Write what a step has computed since the last look."""
        for name, curves in self._curves(directory):
            before = self.written.get(name, 0)
            for row in curves.filter(pl.col("epoch") > before).to_dicts():
                values = {k: v for k, v in row.items() if k not in _NOT_PLOTTED and isinstance(v, int | float)}
                self.write(name, row["epoch"], values)
                self.written[name] = row["epoch"]

    @abstractmethod
    def write(self, name: str, epoch: int, values: Mapping[str, float]) -> None:
        """Write the numbers of one epoch.

        Args:
            name: of the training: its directory; of a trial of a sweep, with the trial behind it.
            epoch: from 1.
            values: by name; some may not be finite.
        """

    @abstractmethod
    def close(self, page: Path | None) -> None:
        """Finish the files.

        Args:
            page: the report; None where the study was stopped before it.
        """

    def _curves(self, directory: str) -> Iterator[tuple[str, pl.DataFrame]]:
        done = self.out / directory
        for place in (done, done.parent / f".{done.name}.partial"):
            if (place / _CURVES).is_file():
                yield directory, pl.read_parquet(place / _CURVES)
                return
        if (done / TRIAL_CURVES).is_file():
            for (trial,), curves in pl.read_parquet(done / TRIAL_CURVES).group_by("trial", maintain_order=True):
                yield f"{directory}/trial-{trial:03d}", curves


def needed(package: str, option: str, extra: str) -> None:
    """Refuse a log whose package is not installed.

    Raises:
        HilumError: it is not.
    """
    if importlib.util.find_spec(package) is None:
        raise HilumError(
            f"--log {option}", expected=f"the package {extra}", found="none", fix=f"Install hilum[{option}]."
        )
