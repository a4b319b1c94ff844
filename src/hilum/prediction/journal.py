"""Journal of an unfinished prediction run: a line per finished image, so that an interrupted run can resume.

    .NAME.partial/order.json     fingerprint of model, images and settings; with another one, the run starts again
    .NAME.partial/rows.jsonl     one line per image, in the order of completion

Numbers are written with full precision, so that they are read back bit for bit.
"""

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hilum.artifacts import holds_json, write_json

_ORDER, _ROWS = "order.json", "rows.jsonl"

Row = dict[str, Any]


class Journal:
    """Context manager of the rows of one run, by the index of their image in the inputs.

    Args:
        directory: Directory of the journal.
        order: Fingerprint of everything that the rows depend on.
    """

    def __init__(self, directory: Path, order: str) -> None:
        self.directory = directory
        if not holds_json(directory / _ORDER, order):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
            write_json(directory / _ORDER, order)
        self.done = {place for place, _ in self.rows()}

    def __enter__(self) -> Self:
        """Open the journal for writing."""
        self._stream = (self.directory / _ROWS).open("a", encoding="utf-8")
        self._stream.write("\n")  # a kill may have cut the last line short
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the journal, and keep it for a later run."""
        self._stream.close()

    def add(self, rows: Iterable[tuple[int, Row]]) -> None:
        """Append rows."""
        self._stream.writelines(json.dumps([place, row]) + "\n" for place, row in rows)
        self._stream.flush()

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Yield the rows in the order of completion, with the index of their image."""
        path = self.directory / _ROWS
        if not path.is_file():
            return
        with path.open(encoding="utf-8") as stream:
            for line in stream:
                if line.startswith("[") and line.endswith("]\n"):  # complete lines only
                    place, row = json.loads(line)
                    yield int(place), row


@contextmanager
def journal_beside(out: Path, order: str) -> Iterator[Journal]:
    """Open the journal of a run that writes `out`; it is removed at the end, unless an error occurs."""
    journal = Journal(out.with_name(f".{out.name}.partial"), order)
    yield journal
    shutil.rmtree(journal.directory)
