"""Base class of logs of training curves, which are read from the files of running steps."""

import importlib.util
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from hilum.data.tables import read_result_table
from hilum.errors import HilumError
from hilum.finetuning.trials.search import CURVES as TRIAL_CURVES
from hilum.progress import ProgressReport
from hilum.study.plan.record import CURVES, partial_directory

LOGS = "logs"
"""Directory of the logs in a study's directory."""
_NOT_PLOTTED = ("epoch", "step", "trial")


class CurveLog(ABC):
    """Log that reads the curves of steps from their files, and writes each epoch once.

    Args:
        out: Directory of the study.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.written: dict[str, int] = {}

    def reporting(self, directory: str, report: ProgressReport, *, every_seconds: float = 5.0) -> ProgressReport:
        """Return a progress callback that also updates the log periodically.

        Args:
            directory: Directory of the step, relative to the study's.
            report: Progress callback to wrap.
            every_seconds: Seconds between updates.
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
        """Write the new epochs of a step."""
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
            name: Name of the training: its directory, with the trial of a sweep appended.
            epoch: Epoch, from 1.
            values: Values by name; some may not be finite.
        """

    @abstractmethod
    def close(self, page: Path | None) -> None:
        """Finish the files.

        Args:
            page: Path of the report; None if the study was stopped before it.
        """

    def _curves(self, directory: str) -> Iterator[tuple[str, pl.DataFrame]]:
        done = self.out / directory
        for place in (done, partial_directory(done)):
            if (place / CURVES).is_file():
                yield directory, read_result_table(place / CURVES)
                return
        if (done / TRIAL_CURVES).is_file():
            for (trial,), curves in read_result_table(done / TRIAL_CURVES).group_by("trial", maintain_order=True):
                yield f"{directory}/trial-{trial:03d}", curves


def require_package(package: str, option: str, extra: str) -> None:
    """Raise an error unless a package is installed.

    Raises:
        HilumError: It is not installed.
    """
    if importlib.util.find_spec(package) is None:
        raise HilumError(
            f"--log {option}", expected=f"the package {extra}", found="none", fix=f"Install hilum[{option}]."
        )
