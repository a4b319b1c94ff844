"""Commands `hilum study list | best | show | watch`: finished and running studies."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli.console import echo, print_json, print_table
from hilum.cli.options import AsJson
from hilum.wording import counted

if TYPE_CHECKING:
    from hilum.study.overview import BestArm, StudySummary

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of studies.")]


def add_folder_commands(app: typer.Typer) -> None:
    """Add these commands to the group `hilum study`."""
    app.command("list")(list_)
    app.command("best")(best)
    app.command("show")(show)
    app.command("watch")(watch)


def list_(folder: Folder, json: AsJson = False) -> None:
    """List the studies of a folder, with state and best arm.

    \b
    Example:
      hilum study list runs
    """
    from dataclasses import asdict

    from hilum.study.overview import list_studies

    studies = list_studies(folder)
    if json:
        print_json([asdict(study) | {"report": study.report and str(study.report)} for study in studies])
        return
    rows = [
        [each.name, each.state, f"{each.done} of {each.steps}", ", ".join(each.arms), _best(each.best), each.changed]
        for each in studies
    ]
    print_table(["study", "state", "steps", "arms", "best arm, AUROC (95 % CI)", "last step"], rows)


def best(folder: Folder, json: AsJson = False) -> None:
    """Show the best arm of each study of a folder.

    The best arm has the highest AUROC on the test images, shown with its 95 % confidence interval. Do not rank studies
    with different test images by these estimates.

    \b
    Example:
      hilum study best runs
    """
    from dataclasses import asdict

    from hilum.study.overview import list_studies

    studies = [study for study in list_studies(folder) if study.best is not None]
    if json:
        print_json([{"name": study.name, **asdict(study.best)} for study in studies if study.best])
        return
    rows = [
        [study.name, each.arm, each.finding, f"{each.estimate:.3f}", f"{each.ci_low:.3f} to {each.ci_high:.3f}"]
        for study in studies
        if (each := study.best) is not None
    ]
    print_table(["study", "best arm", "finding", "AUROC", "95 % CI"], rows)


def show(
    directory: Annotated[Path, typer.Argument(metavar="RUN", help="Directory of a study.")], json: AsJson = False
) -> None:
    """Show the question, state, best arm and sweeps of a study.

    \b
    Example:
      hilum study show runs/demo
    """
    from dataclasses import asdict

    from hilum.study.overview import study_summary, sweeps_under_way

    study, sweeps = study_summary(directory), sweeps_under_way(directory)
    if json:
        print_json({**asdict(study), "report": study.report and str(study.report), "sweeps": sweeps})
        return
    _print_summary(study)
    for sweep in sweeps:
        echo(f"\nSweep of {sweep['arm']}, {sweep['state']}: {counted(len(sweep['trials']), 'trial')} ended")
        ranked = sorted(sweep["trials"], key=lambda row: (row["val_loss"] is None, row["val_loss"]))[:10]
        names = ("trial", "state", "settings", "val_loss", "val_auroc", "epochs")
        print_table(names, [[row[name] for name in names] for row in ranked])


def watch(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of a study, running or not yet started.")],
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between two updates.")] = 5.0,
    once: Annotated[bool, typer.Option("--once", help="Write the page once and stop.")] = False,
) -> None:
    """Write a live status page of a running study.

    DIR/status.html reloads in the browser; the command stops when the study is done.

    \b
    Examples:
      hilum study watch runs/demo
      hilum study watch runs/demo --once
    """
    import time

    from hilum.study.live_page import write_live_page

    printed = False
    while True:
        page, running = write_live_page(directory, reload_seconds=None if once else every)
        if not printed:
            echo(f"Open {page}")
            printed = True
        if once or not running:
            return
        time.sleep(every)


def _print_summary(study: "StudySummary") -> None:
    echo(f"{study.question or study.name}\n")
    echo(f"State: {study.state}, {study.done} of {study.steps} steps done, last one {study.changed or 'never'}")
    echo(f"Arms: {', '.join(study.arms)}")
    echo(f"Best: {_best(study.best) or 'not evaluated yet'}")
    if study.report is not None:
        echo(f"Report: {study.report}")


def _best(arm: "BestArm | None") -> str:
    return f"{arm.arm} {arm.estimate:.3f} ({arm.ci_low:.3f} to {arm.ci_high:.3f})" if arm else ""
