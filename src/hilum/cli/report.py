"""`hilum report`: the page from the files in a directory."""

from pathlib import Path
from typing import Annotated

import typer

from hilum.cli.console import echo, progress
from hilum.cli.prediction_options import HeldOut


def report(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of predictions and tables of results.")],
    out: Annotated[
        Path | None, typer.Option(help="For report.html, tables, figures; DIR when left out (DIR/report in a study's).")
    ] = None,
    question: Annotated[str | None, typer.Option(help="Title of the page.")] = None,
    reference: Annotated[
        str | None, typer.Option(help="The arm that all others are compared with; all with all when left out.")
    ] = None,
    held_out: HeldOut = False,
    n_bootstrap: Annotated[
        int | None, typer.Option(help="Bootstrap resamples of patients (and seeds); the study's, or 2000.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the resamples; the study's, or 0.")] = None,
    min_positive_patients: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Findings with fewer positive (or negative) patients are not in means; the study's, or 10.",
        ),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            help="Write only the tables and figures of a published study, filled with the results of the study in DIR: "
            "elwirehardja2025, gowtham2023, kivotova2021, tayebiarasteh2024, toh2023, or a layout file."
        ),
    ] = None,
) -> None:
    """One page that needs nothing beside it, from predictions and the tables that other commands left.

    Every table of predictions (y_<finding>, p_<finding>; Parquet or CSV) is an arm; NAME-seed0, NAME-seed1 are seeds of
    one, and so are the tables of a folder below predictions/. What evaluate, compare, explain, embed and audit left in
    DIR or in folders of it is shown, too. What is not there is not shown.

    \b
    Examples:
      hilum report results
      hilum report results --reference scratch --question "Does SimCLR beat training from scratch?"
      hilum report runs/toh2023 --layout toh2023
    """
    if layout is not None:
        from hilum.report.layouts import write_layout

        echo(str(write_layout(layout, directory, out)))
        return
    from hilum.runs.report import ReportSettings
    from hilum.runs.report import report as run

    settings = ReportSettings(n_bootstrap, seed, min_positive_patients, reference, held_out)
    result = run(directory, out, question=question, settings=settings, progress=progress)
    echo(result.summary[0])
    echo()
    echo(str(result.page))
