"""What a run returns: a directory, tables, and a few lines to read; printed the same in a notebook and a terminal."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import polars as pl

_ROWS = 12


@dataclass(frozen=True, repr=False)
class Result(ABC):
    """What a run returns.

    Attributes:
        directory: that the run wrote; None where it wrote none.
        about: what was done, as plain data: the same that the command prints with `--json`.
    """

    directory: Path | None
    about: dict[str, Any]

    @property
    @abstractmethod
    def tables(self) -> dict[str, pl.DataFrame]:
        """Tables by name; `.to_pandas()` gives a pandas table where pandas is installed."""

    @property
    @abstractmethod
    def summary(self) -> list[str]:
        """A few lines for people."""

    @property
    def notes(self) -> Sequence[str]:
        """What a reader must know of these numbers, one sentence each."""
        return [str(note) for note in self.about.get("notes", [])]

    def _shown(self) -> dict[str, pl.DataFrame]:
        """The tables that are printed; the first one unless a result shows others."""
        return dict(list(self.tables.items())[:1])

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}: {'; '.join(self.summary)}", *self.notes]
        with pl.Config(tbl_rows=_ROWS, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True):
            lines += [f"{name}\n{table}" for name, table in self._shown().items()]
        if self.directory is not None:
            lines.append(f"in {self.directory}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = [f"<p><b>{type(self).__name__}</b>: {escape('; '.join(self.summary))}</p>"]
        parts += [f"<p>{escape(note)}</p>" for note in self.notes]
        with pl.Config(tbl_rows=_ROWS):
            parts += [f"<p>{escape(name)}</p>{table._repr_html_()}" for name, table in self._shown().items()]
        if self.directory is not None:
            parts.append(f"<p>in <code>{escape(str(self.directory))}</code></p>")
        return "\n".join(parts)
