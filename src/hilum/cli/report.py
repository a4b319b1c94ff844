"""Command `hilum report`: HTML report from the files in a directory."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hilum.cli import options
from hilum.cli.console import echo, progress
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.settings import EvaluationSettings


def _study_option(declared: type, name: str, **more: Any) -> Any:
    default = getattr(declared, name)
    return options.option_of(declared, name, more_help=f"Default: as in the study, or {default}.", **more)


def report(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of predictions and result tables.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Directory to write report.html, tables and figures to. Default: DIR, or DIR/report if DIR is a study."
        ),
    ] = None,
    question: Annotated[
        str | None, typer.Option(help="Title of the report. Default: the question of the study, or the folder's name.")
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            help="Arm that all others are compared with. Default: the study's reference; without a study, all pairs of "
            "arms are compared."
        ),
    ] = None,
    held_out: options.HeldOut = False,
    n_bootstrap: Annotated[int | None, _study_option(BootstrapConfig, "n_bootstrap")] = None,
    seed: Annotated[int | None, _study_option(BootstrapConfig, "seed", min=0)] = None,
    min_positive_patients: Annotated[
        int | None, _study_option(EvaluationSettings, "min_positive_patients", min=2)
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            help="Write only the tables and figures of a published paper, filled with the results of the study in DIR: "
            "elwirehardja2025, gowtham2023, kivotova2021, tayebiarasteh2024, toh2023, or a layout file."
        ),
    ] = None,
) -> None:
    """Build a self-contained HTML report of results.

    Each table of predictions (y_<finding>, p_<finding>; Parquet or CSV) is an arm. NAME-seed0, NAME-seed1, … are seeds
    of one arm, as are the tables of one folder below predictions/. Runs of `hilum finetune` in subfolders are arms.
    Results of evaluate, compare, explain, embed and label-issues in DIR or its subfolders are included.

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
    from hilum.runs.report import build_report as run

    result = run(
        directory,
        out,
        question=question,
        reference=reference,
        held_out=held_out,
        n_bootstrap=n_bootstrap,
        seed=seed,
        min_positive_patients=min_positive_patients,
        progress=progress,
    )
    echo(result.summary[0])
    echo()
    echo(str(result.page))
