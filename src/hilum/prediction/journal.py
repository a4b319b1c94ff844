"""The journal of a run that is not finished: a line for every image that is done, so that a killed run goes on.

    .NAME.partial/order.json     fingerprint of model, images and settings; another one starts anew
    .NAME.partial/rows.jsonl     a line an image, in the order in which they were finished

Numbers are written as Python writes them, which reads back to the same bits.
"""

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hilum.artifacts import write_json

_ORDER, _ROWS = "order.json", "rows.jsonl"

Row = dict[str, Any]


class Journal:
    """Rows of one run, by the place of their image among the inputs; a context manager.

    Args:
        directory: of the journal.
        order: fingerprint of all that the rows depend on.
    """

    def __init__(self, directory: Path, order: str) -> None:
        self.directory = directory
        if not _is_of(directory, order):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
            write_json(directory / _ORDER, order)
        self.done = {place for place, _ in self.rows()}

    def __enter__(self) -> Self:
        """Open it for writing."""
        self._stream = (self.directory / _ROWS).open("a", encoding="utf-8")
        self._stream.write("\n")  # a kill may have cut the last line short
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it; it stays for another run."""
        self._stream.close()

    def add(self, rows: Iterable[tuple[int, Row]]) -> None:
        """Keep rows."""
        self._stream.writelines(json.dumps([place, row]) + "\n" for place, row in rows)
        self._stream.flush()

    def rows(self) -> Iterator[tuple[int, Row]]:
        """What is kept, in the order in which it was finished."""
        path = self.directory / _ROWS
        if not path.is_file():
            return
        with path.open(encoding="utf-8") as stream:
            for line in stream:
                if line.startswith("[") and line.endswith("]\n"):  # not what a kill cut short
                    place, row = json.loads(line)
                    yield int(place), row


@contextmanager
def journal_beside(out: Path, order: str) -> Iterator[Journal]:
    """The journal of a run that writes `out`; removed when the block ends well."""
    journal = Journal(out.with_name(f".{out.name}.partial"), order)
    yield journal
    shutil.rmtree(journal.directory)


def _is_of(directory: Path, order: str) -> bool:
    try:
        return bool(json.loads((directory / _ORDER).read_text(encoding="utf-8")) == order)
    except (OSError, ValueError):
        return False
