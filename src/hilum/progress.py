"""How long work reports how far it is, whoever shows it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

ProgressReport: TypeAlias = Callable[[int, int, str], None]
"""Called with (done, total, note); the note is a few words such as a rate or a loss, or empty."""

ShowProgress: TypeAlias = Callable[[str], AbstractContextManager[ProgressReport]]
"""Called with the title of a stage of work; gives what shows the stage's progress."""


def silent(done: int, total: int, note: str) -> None:
    """Show nothing."""


@contextmanager
def quiet(title: str) -> Iterator[ProgressReport]:  # noqa: ARG001 (a title that nobody shows)
    """Show nothing of a stage of work."""
    yield silent
