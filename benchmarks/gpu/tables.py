"""How long a part of `run.py` may take, what it writes, and how it is timed."""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Bounds:
    """How much of a part there is time for.

    Attributes:
        until: of the monotonic clock.
        dry: in miniature, on the CPU.
    """

    until: float
    dry: bool

    @property
    def device(self) -> torch.device:
        """The GPU, or the CPU of a dry run."""
        return torch.device("cpu" if self.dry else "cuda")

    def time_for(self, seconds: float) -> bool:
        """Whether there is so much left."""
        return self.dry or time.monotonic() + seconds < self.until


class Table:
    """Rows, written as Markdown and JSON whenever one is added."""

    def __init__(self, path: Path) -> None:
        self.path, self.rows, self.notes = path, [], []  # type: ignore[var-annotated]

    def add(self, **row: object) -> None:
        """A row by column."""
        self.rows.append(row)
        self.write()

    def note(self, text: str) -> None:
        """A sentence above the table."""
        self.notes.append(text)
        self.write()

    def write(self) -> None:
        """All that there is so far."""
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        lines = [*self.notes, ""] if self.notes else []
        if self.rows:
            lines += [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
            lines += [f"| {' | '.join(shown(row.get(name, '')) for name in columns)} |" for row in self.rows]
        self.path.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
        content = json.dumps({"notes": self.notes, "rows": self.rows}, indent=1)
        self.path.with_suffix(".json").write_text(content, encoding="utf-8")


def shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def seconds_of(work: Callable[[], object], device: torch.device, times: int) -> float:
    """Median time of a call; the first two are not counted."""
    took = []
    for _ in range(times + 2):
        began = now(device)
        work()
        took.append(now(device) - began)
    return statistics.median(took[2:])
