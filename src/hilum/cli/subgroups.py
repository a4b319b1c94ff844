"""Options of `hilum evaluate --subgroups`, and how groups of patients are printed."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli.console import echo, print_table

if TYPE_CHECKING:
    import polars as pl

Subgroups = Annotated[
    str | None,
    typer.Option(help="Columns to group patients by, comma-separated: sex, age (in bands), view, source, any other."),
]
Images = Annotated[
    Path | None,
    typer.Option(help="Table with image_id and these columns, such as manifest.parquet; else the predictions' own."),
]


def print_groups(table: "pl.DataFrame", notes: Sequence[str]) -> None:
    """Print groups that have a number, and how many have none."""
    estimated = table.filter(table["estimate"].is_not_null())
    columns = ("attribute", "group", "finding", "metric", "estimate", "ci_low", "ci_high", "gap", "p_adjusted")
    titles = ["", "group", "finding", "metric", "estimate", "95 % low", "high", "gap to the rest", "adjusted p"]
    print_table(titles, estimated.select(columns).rows(), title="Groups of patients")
    if left := len(table) - len(estimated):
        echo(f"{left:,} rows have too few patients for a number.")
    for note in notes:
        echo(note)
