"""`hilum package`: an arm of a finished study as a model directory."""

from pathlib import Path
from typing import Annotated

import typer

from hilum.cli.console import echo, print_json, progress


def package(
    study: Annotated[Path, typer.Argument(help="Directory of a study that was run to its end.")],
    arm: Annotated[str, typer.Argument(help="One of its arms.")],
    out: Annotated[Path, typer.Option(help="Directory of the model, to make.")],
    data: Annotated[
        list[str] | None, typer.Option("--data", metavar="NAME=ROOT", help="Folder of a data set; once for each.")
    ] = None,
    calibrate: Annotated[
        str, typer.Option(help="platt (slope and shift of the logits) or temperature (slope), on validation images.")
    ] = "platt",
    task: Annotated[str | None, typer.Option(help="Of a study of several tasks, which one.")] = None,
    n_bootstrap: Annotated[
        int | None, typer.Option(min=100, help="Resamples of patients; as in the study when left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Make a model out of an arm: weights, card, preprocessing, thresholds, calibration, numbers, and a self-test.

    OUT then holds a directory for each seed, whole by itself, and a description of the mean of all of them. Thresholds
    and calibration are of the study's validation images, numbers of its test images. No patient id is in it: the card
    names patients by pseudonyms.

    \b
    Examples:
      hilum package runs/tiny simclr --out models/simclr
      hilum package runs/own scratch --data ours=images --out models/scratch --calibrate temperature
    """
    from hilum.cli.study import roots
    from hilum.errors import HilumError
    from hilum.study.file.read import study_of_run

    folders = roots(data, study_of_run(study))
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
    echo(f"{described.name}: {', '.join(described.members)}")
    describe(out)
    echo()
    echo(str(out))


def describe(directory: Path) -> None:
    """Print findings, thresholds and numbers of a model directory."""
    from hilum.cli.console import print_table
    from hilum.prediction.description import read_description

    described = read_description(directory)
    auroc = {each.finding: each for each in described.measured if each.metric == "auroc"}
    rows = []
    for finding in described.findings:
        measured = auroc.get(finding.name)
        numbers = [None] * 3 if measured is None else [measured.estimate, measured.ci_low, measured.ci_high]
        rows.append([finding.name, " ".join(code.code for code in finding.codes[:1]), finding.threshold, *numbers])
    print_table(["finding", "code", "threshold", "AUROC", "95 % low", "high"], rows)
    for finding in described.findings:
        for note in finding.notes:
            echo(f"{finding.name}: {note}")
    echo(f"Thresholds: {described.threshold_rule}, {described.thresholds_chosen_on}. Numbers: {described.measured_on}.")
