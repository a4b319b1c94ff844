"""Types of progress reports, independent of their display."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

ProgressReport: TypeAlias = Callable[[int, int, str], None]
"""Function of (done, total, note); the note is a few words such as a rate or a loss, or empty."""

ShowProgress: TypeAlias = Callable[[str], AbstractContextManager[ProgressReport]]
"""Function from the title of a stage of work to a context manager that shows its progress."""


def silent(done: int, total: int, note: str) -> None:
    """Show nothing."""


@contextmanager
def quiet(title: str) -> Iterator[ProgressReport]:  # noqa: ARG001 (the title is not shown)
    """Show no progress of a stage of work."""
    yield silent
