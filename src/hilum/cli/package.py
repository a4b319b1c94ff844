"""Command `hilum package`: model directory from an arm of a finished study."""

from pathlib import Path
from typing import Annotated

import typer

from hilum.cli import options
from hilum.cli.console import echo, print_json, print_table, progress
from hilum.evaluation.bootstrap.config import BootstrapConfig


def package(
    study: Annotated[Path, typer.Argument(help="Directory of a finished study.")],
    arm: Annotated[str, typer.Argument(help="Name of an arm of the study.")],
    out: Annotated[Path, typer.Option(help="Directory to write the model to.")],
    data: options.StudyData = None,
    calibrate: Annotated[
        str,
        typer.Option(
            help="Calibration, fitted on validation images: platt (slope and shift of the logits) or temperature "
            "(slope)."
        ),
    ] = "platt",
    task: Annotated[str | None, typer.Option(help="Task to package, if the study has several tasks.")] = None,
    n_bootstrap: Annotated[
        int | None,
        options.option_of(BootstrapConfig, "n_bootstrap", more_help="Default: as in the study."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Package an arm of a study as a model directory.

    OUT contains for each seed weights, model card, preprocessing, thresholds, calibration, metrics and a self-test, and
    a description of the ensemble of all seeds (mean probability).
    Thresholds and calibration are fitted on the study's validation images, metrics computed on its test images. No
    patient ids are included: the card lists training patients by pseudonyms.

    \b
    Examples:
      hilum package runs/tiny simclr --out models/simclr
      hilum package runs/own scratch --data ours=images --out models/scratch --calibrate temperature
    """
    from hilum.cli.study import data_folders
    from hilum.study.file.read import study_of_run
    from hilum.study.package import package as run

    folders = data_folders(data, study_of_run(study))
    result = run(
        study, arm, out, data=folders, calibrate=calibrate, task=task, n_bootstrap=n_bootstrap, progress=progress
    )
    if as_json:
        print_json(result.about)
        return
    for line in result.summary:
        echo(line)
    print_table(["finding", "code", "threshold", "AUROC", "95 % low", "high"], result.tables["findings"].rows())
    for line in result.row_notes:
        echo(line)
    echo()
    echo(str(out))
