"""Progress bars on standard error; plain lines every few seconds without a terminal.

Concurrent bars share the terminal, one line each.
"""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_SECONDS_BETWEEN_LINES = 10.0
_SHOWN: list["Progress"] = []
"""The display of all current bars; empty without any."""


class ProgressBar:
    """Context manager that shows the calls of its `report` (a `ProgressReport`).

    Args:
        title: Title of the stage of work.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._started = self._last_line = time.monotonic()
        self._first_done: int | None = None
        self._state = (0, 0, "")
        self._bar = _shared()
        if self._bar is not None:
            self._task = self._bar.add_task(title, total=None, rate="", note="")

    def __enter__(self) -> Self:
        """Show the bar."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the bar; without a terminal, print the elapsed time."""
        if self._bar is not None:
            _finished(self._bar, self._task)
        elif self._last_line > self._started:  # no line for short work
            self._line("stopped" if kind is not None else "done")

    def report(self, done: int, total: int, note: str) -> None:
        """Show progress.

        Args:
            done, total: Number of finished items, and of all.
            note: A few words to show beside the bar, or empty.
        """
        if self._first_done is None:
            self._first_done = done  # items of an earlier run do not count for the rate
        self._state = (done, total, note)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total, rate=self._rate(), note=note)
        elif time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self._line(f"{_clock(self._seconds_left())} left")

    def _line(self, ending: str) -> None:
        done, total, note = self._state
        elapsed = _clock(time.monotonic() - self._started)
        parts = [f"{done:,} of {total:,}", self._rate(), f"{elapsed} elapsed", ending, note]
        sys.stderr.write(f"{self._title}: {' · '.join(part for part in parts if part)}\n")
        sys.stderr.flush()

    def _per_second(self) -> float:
        elapsed = time.monotonic() - self._started
        return (self._state[0] - (self._first_done or 0)) / elapsed if elapsed > 0 else 0.0

    def _rate(self) -> str:
        rate = self._per_second()
        if rate <= 0:
            return ""
        return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s" if rate >= 1 else f"{60 * rate:.1f}/min"

    def _seconds_left(self) -> float | None:
        rate = self._per_second()
        return (self._state[1] - self._state[0]) / rate if rate > 0 else None


def _shared() -> "Progress | None":
    """Return the display of all bars, started with the first one; None without a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn as TimeLeftColumn,
    )

    if not _SHOWN:
        console = Console(stderr=True)
        if not console.is_terminal:
            return None
        _SHOWN.append(
            Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeLeftColumn(),
                TextColumn("{task.fields[note]}", style="dim"),
                console=console,
            )
        )
        _SHOWN[0].start()
    return _SHOWN[0]


def _finished(bars: "Progress", task: "TaskID") -> None:
    """Print a finished bar above those that are still running."""
    if len(bars.tasks) > 1:
        shown = next(each for each in bars.tasks if each.id == task)
        bars.console.print(bars.make_tasks_table([shown]))
        bars.remove_task(task)
        return
    bars.stop()
    _SHOWN.clear()


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
