"""How long work tells how far it is, whoever shows it."""

from collections.abc import Callable
from typing import TypeAlias

ProgressReport: TypeAlias = Callable[[int, int, str], None]
"""Called with (done, total, note); the note is a few words such as a rate or a loss, or empty."""


def silent(done: int, total: int, note: str) -> None:
    """Show nothing."""
