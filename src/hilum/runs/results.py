"""Results of runs: a directory, tables, and a short summary; printed alike in a notebook and a terminal."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from hilum.evaluation.metrics import MACRO
from hilum.notes import Note, read_notes
from hilum.wording import images_of_patients

_TABLES: Mapping[str, Any] = {"tbl_rows": 12, "tbl_cols": 12, "tbl_width_chars": 120}
"""Size of printed tables (`polars.Config`)."""
_NOTE = "note"


@dataclass(frozen=True, repr=False)
class Result(ABC):
    """Result of a run.

    Attributes:
        directory: Directory that the run wrote; None if it wrote none.
        about: Description of the run as plain data, as the command prints it with `--json`.
    """

    directory: Path | None
    about: dict[str, Any]

    @property
    @abstractmethod
    def tables(self) -> dict[str, pl.DataFrame]:
        """Tables by name; `.to_pandas()` converts one; it needs the extra `pandas`."""

    @property
    @abstractmethod
    def summary(self) -> list[str]:
        """Summary of the run, a few lines."""

    @property
    def notes(self) -> Sequence[Note]:
        """Limitations of the results; each has a stable code, and is printed as text."""
        return read_notes(self.about.get("notes", []))

    @property
    def row_notes(self) -> list[str]:
        """Notes on rows of the printed tables, such as the reason of a missing estimate, one line per finding."""
        lines = [
            f"{'mean over findings' if finding == MACRO else finding}: {note}"
            for table in self._shown().values()
            if {"finding", _NOTE} <= set(table.columns)
            for finding, note in table.select("finding", _NOTE).iter_rows()
            if note
        ]
        return list(dict.fromkeys(lines))

    def _shown(self) -> dict[str, pl.DataFrame]:
        """Return the tables to print; by default, the first one. A column `note` is printed as lines below."""
        return dict(list(self.tables.items())[:1])

    def _printed(self) -> dict[str, pl.DataFrame]:
        return {name: table.drop(_NOTE, "codes", strict=False) for name, table in self._shown().items()}

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}: {'; '.join(self.summary)}", *map(str, self.notes)]
        with pl.Config(**_TABLES, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True):
            lines += [f"{name}\n{table}" for name, table in self._printed().items()]
        lines += self.row_notes
        if self.directory is not None:
            lines.append(f"in {self.directory}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = [f"<p><b>{type(self).__name__}</b>: {escape('; '.join(self.summary))}</p>"]
        parts += [f"<p>{escape(str(each))}</p>" for each in self.notes]
        with pl.Config(**_TABLES):
            parts += [f"<p>{escape(name)}</p>{table._repr_html_()}" for name, table in self._printed().items()]
        parts += [f"<p>{escape(note)}</p>" for note in self.row_notes]
        if self.directory is not None:
            parts.append(f"<p>in <code>{escape(str(self.directory))}</code></p>")
        return "\n".join(parts)


@dataclass(frozen=True, repr=False)
class PredictionsResult(Result):
    """Result of an evaluation of predictions; the rows of its first metric are printed."""

    _columns: ClassVar[tuple[str, ...]]

    @property
    @abstractmethod
    def _rows(self) -> pl.DataFrame:
        """Main table: a row per metric and finding."""

    @property
    def summary(self) -> list[str]:
        """Numbers of images and patients, split, and bootstrap."""
        about = self.about
        seeds = " and seeds" if about.get("seeds", 1) > 1 else ""
        return [
            f"{images_of_patients(about['images'], about['patients'])}",
            f"split {about['split'] or 'unknown'}",
            f"{about['n_bootstrap']:,} bootstrap resamples of patients{seeds}, seed {about['seed']}",
        ]

    def _first_metric(self) -> pl.DataFrame:
        return self._rows.filter(pl.col("metric") == self._rows["metric"][0])

    def _shown(self) -> dict[str, pl.DataFrame]:
        rows = self._first_metric()
        return {rows["metric"][0]: rows.select("finding", *self._columns, _NOTE)}
