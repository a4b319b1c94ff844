"""Progress of steps that run in other processes, read from their progress files."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Self

from hilum.artifacts import holder_of
from hilum.progress import ProgressReport
from hilum.study.execution.sweep import SweepPart
from hilum.study.execution.work import ShowStep
from hilum.study.logs import CurveLog
from hilum.study.plan import Step, read_progress
from hilum.study.scheduling import Task


class RemoteProgress:
    """Shows a progress line for each running step, and closes it when the step has ended.

    Args:
        out: Directory of the study.
        steps: All steps in order.
        show_step: Opens a progress line.
        curve_log: Log of training curves to update.
        parts: Parts of sweeps by name, each with its own line.
    """

    def __init__(
        self,
        out: Path,
        steps: Sequence[Step],
        show_step: ShowStep,
        curve_log: CurveLog | None,
        parts: Mapping[str, SweepPart] = MappingProxyType({}),
    ) -> None:
        self.out, self.steps, self.show_step, self.curve_log = out, len(steps), show_step, curve_log
        self.numbered = {step.directory: (number, step) for number, step in enumerate(steps, start=1)}
        for name, part in parts.items():
            number, step = self.numbered[part.step.directory]
            self.numbered[name] = number, replace(step, directory=name, title=f"{step.title}, part {part.part.name}")
        self.open: dict[str, tuple[ExitStack, ProgressReport]] = {}

    def update(self, begun: Sequence[Task]) -> None:
        """Update the lines of running tasks."""
        names = {task.name for task in begun}
        for directory in set(self.open) - names:
            self._close(directory)
        for directory in names:
            holder = holder_of(self.out / directory)
            if holder is None:  # still waiting
                continue
            if directory not in self.open:
                line = ExitStack()
                number, step = self.numbered[directory]
                self.open[directory] = line, line.enter_context(self.show_step(number, self.steps, step))
            if (progress := read_progress(self.out / directory)) is not None:
                done, total, note, _ = progress
                self.open[directory][1](done, total, f"{note} on {holder.host}".strip())
            if self.curve_log is not None:
                self.curve_log.update(directory)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all lines."""
        for directory in list(self.open):
            self._close(directory)

    def _close(self, directory: str) -> None:
        self.open.pop(directory)[0].close()
        if self.curve_log is not None:
            self.curve_log.update(directory)
