"""Command `hilum package`: model directory from an arm of a finished study."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli import options
from hilum.cli.console import echo, print_json, print_table, progress
from hilum.evaluation.bootstrap.config import BootstrapConfig

if TYPE_CHECKING:
    from hilum.prediction.description import ModelDescription


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
        options.option_of(BootstrapConfig, "n_bootstrap", more_help="Default: as in the study.", min=100),
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
    from hilum.errors import HilumError
    from hilum.study.file.read import study_of_run

    folders = data_folders(data, study_of_run(study))
    from hilum.prediction.description import read_description
    from hilum.prediction.packaging import CALIBRATIONS
    from hilum.study.package import package as run

    if calibrate not in CALIBRATIONS:
        raise HilumError("--calibrate", expected=", ".join(CALIBRATIONS), found=calibrate, fix="Use one of these.")
    with progress("packaging") as on_progress:
        run(
            study,
            arm,
            out,
            task=task,
            roots=folders,
            calibration=calibrate,  # type: ignore[arg-type]  # checked above
            n_bootstrap=n_bootstrap,
            on_progress=on_progress,
        )
    described = read_description(out)
    if as_json:
        print_json(described.model_dump())
        return
    print_description(described)
    echo()
    echo(str(out))


def print_description(described: "ModelDescription") -> None:
    """Print the findings of a packaged model, with threshold and AUROC."""
    echo(f"{described.name}: {', '.join(described.members)}")
    auroc = {each.finding: each for each in described.measured if each.metric == "auroc"}
    rows = []
    for finding in described.findings:
        measured = auroc.get(finding.name)
        numbers = [None] * 3 if measured is None else [measured.estimate, measured.ci_low, measured.ci_high]
        rows.append([finding.name, " ".join(code.code for code in finding.codes[:1]), finding.threshold, *numbers])
    print_table(["finding", "code", "threshold", "AUROC", "95 % low", "high"], rows)
    if len(described.members) > 1:
        echo(
            f"AUROC of the ensemble: mean probability of {len(described.members)} seeds. The study's report gives the "
            "mean of the AUROCs of the seeds."
        )
    for finding in described.findings:
        for note in finding.notes:
            echo(f"{finding.name}: {note}")
    echo(f"Thresholds: {described.threshold_rule}, {described.thresholds_chosen_on}. AUROC: {described.measured_on}.")
