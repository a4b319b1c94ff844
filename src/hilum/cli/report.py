"""`hilum report`: the page from whatever lies in a directory."""

from pathlib import Path
from typing import Annotated

import typer

from hilum.artifacts import locked
from hilum.cli.console import progress, say
from hilum.cli.given_predictions import HeldOut, MinPositives, Redraws, Seed


def report(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where predictions and tables of results lie.")],
    out: Annotated[
        Path | None, typer.Option(help="For report.html, tables, figures; DIR when left out (DIR/report in a study's).")
    ] = None,
    question: Annotated[str | None, typer.Option(help="Title of the page.")] = None,
    against: Annotated[
        str | None, typer.Option(help="The arm that all others are compared with; all with all when left out.")
    ] = None,
    held_out: HeldOut = False,
    redraws: Redraws = 2000,
    seed: Seed = 0,
    min_positives: MinPositives = 10,
) -> None:
    """One page that needs nothing beside it, from predictions and the tables that other commands left.

    Every table of predictions (y_<finding>, p_<finding>; Parquet or CSV) is an arm; NAME-seed0, NAME-seed1 are seeds of
    one, and so are the tables of a folder below predictions/. What evaluate, compare, explain, embed and audit left in
    DIR or in folders of it is shown, too. What is not there is not shown.

    \b
    Examples:
      hilum report results
      hilum report results --against scratch --question "Does SimCLR beat training from scratch?"
    """
    from hilum.report.from_folder import Judging, found_content
    from hilum.report.page import write_report
    from hilum.report.verdict.decide import decide

    judging = Judging(redraws, seed, min_positives, against, held_out)
    with progress("redrawing patients") as on_progress:
        content = found_content(directory, judging, question=question, on_progress=on_progress)
    is_study = (directory / "plan.json").is_file()  # its own page tells more, of the data and of pretraining
    into = out or (directory / "report" if is_study else directory)
    context.with_resource(locked(into))
    written = write_report(content, into)
    say(decide(content).headline)
    say()
    say(str(written))
