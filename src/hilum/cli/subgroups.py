"""What `hilum evaluate --subgroups` does: numbers of groups of patients, and their gaps to all others."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli.console import progress, say, say_table
from hilum.cli.given_predictions import Given

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
MinGroup = Annotated[
    int, typer.Option(min=2, help="Groups with fewer positive (or negative) patients of a finding get no number.")
]


def measure_groups(
    given: Sequence[Given], own: Path, images: Path | None, columns: str, *, min_group: int, redraws: int, seed: int
) -> "tuple[pl.DataFrame, list[str]]":
    """The table of groups and what must be said of it.

    Args:
        given: the seeds.
        own: the first table of predictions.
        images: the table that says who is in which group; None where `own` does.
        columns: as the option.
        min_group, redraws, seed: as the options.

    Raises:
        HilumError: columns that are not there, or that do not divide the images.
    """
    from hilum.evaluation.metrics import AUROC
    from hilum.evaluation.predictions import read_table
    from hilum.evaluation.tables import UNDERDIAGNOSIS, evaluate_subgroups, groups_by_column

    where = images or own
    table = read_table(where, what="a table of images")
    names = [name.strip() for name in columns.split(",") if name.strip()]
    groups, notes = groups_by_column(table, names, given[0].predictions.image_ids, where=str(where))
    thresholds = [one.thresholds for one in given if one.thresholds is not None]
    cut = len(thresholds) == len(given)
    with progress("groups of patients") as on_progress:
        measured = evaluate_subgroups(
            [one.predictions for one in given],
            groups,
            metrics=(AUROC, UNDERDIAGNOSIS) if cut else (AUROC,),
            thresholds=thresholds if cut else None,
            min_patients=min_group,
            redraws=redraws,
            seed=seed,
            on_progress=on_progress,
        )
    if not cut:
        notes.append("No underdiagnosis: there are no validation images to choose thresholds on.")
    return measured, notes


def say_groups(table: "pl.DataFrame", notes: Sequence[str]) -> None:
    """Print groups that have a number, and how many have none."""
    told = table.filter(table["estimate"].is_not_null())
    columns = ("attribute", "group", "finding", "metric", "estimate", "low", "high", "gap", "p_adjusted")
    titles = ["", "group", "finding", "metric", "estimate", "95 % low", "high", "gap to the rest", "adjusted p"]
    say_table(titles, told.select(columns).rows(), title="Groups of patients")
    if left := len(table) - len(told):
        say(f"{left:,} rows have too few patients for a number.")
    for note in notes:
        say(note)
