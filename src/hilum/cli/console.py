"""Terminal output: text and tables on standard output, progress on standard error."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hilum.progress import ProgressReport


def echo(text: str = "") -> None:
    """Print a line of text."""
    sys.stdout.write(text + "\n")


def print_json(content: Any) -> None:
    """Print JSON, as the only output of a command."""
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None) -> None:
    """Print a table; columns of numbers are right-aligned, None is blank."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        numeric = all(isinstance(row[index], int | float) or row[index] is None for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console = Console()
    console.width = max(console.width, 120) if not console.is_terminal else console.width
    console.print(table)


@contextmanager
def progress(title: str) -> Iterator[ProgressReport]:
    """Show a progress bar with rate, note and time left; without a terminal, print a line every few seconds."""
    from hilum.cli.progress_bar import ProgressBar

    with ProgressBar(title) as bar:
        yield bar.report


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3f}"
    return str(value)
