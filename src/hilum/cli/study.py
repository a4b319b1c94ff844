"""Commands `hilum study plan | check | fetch | run | extend | status`."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from hilum.cli.console import echo, print_json, print_table, progress
from hilum.cli.options import AllowMissing, AsJson, StudyData
from hilum.cli.published_numbers import Protocol, ProtocolOption, print_published, published_rows
from hilum.cli.study_folder import add_folder_commands
from hilum.cli.study_plan import print_plan
from hilum.errors import HilumError
from hilum.wording import counted

if TYPE_CHECKING:
    from hilum.study.check import CheckResult
    from hilum.study.file import Study


class Log(StrEnum):
    """Experiment tracker that training curves are written for."""

    TENSORBOARD = "tensorboard"
    MLFLOW = "mlflow"


class Scale(StrEnum):
    """Scale of a study: complete, or in miniature."""

    FULL = "full"
    TINY = "tiny"


StudyFile = Annotated[str, typer.Argument(metavar="STUDY.yaml", help="Study file, or the name of a shipped study.")]
ScaleOption = Annotated[
    Scale,
    typer.Option(
        help="`full`, or `tiny`: run everything in miniature on synthetic images, as a trial (results are meaningless)."
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a setting of the study file, for example finetune.epochs=3. Repeatable.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=0, help="Threads that prepare images; results do not depend on it. Default: by the number of cores."
    ),
]


def study_app() -> typer.Typer:
    """Create the group of commands on studies."""
    app = typer.Typer(
        help="Plan, check, run and monitor a study.\n\nA study is a complete comparison, described in one file.",
        no_args_is_help=True,
    )
    app.command("plan")(plan)
    app.command("check")(check)
    app.command("fetch")(fetch)
    app.command("run")(run)
    app.command("extend")(extend)
    app.command("status")(status)
    add_folder_commands(app)
    return app


def plan(
    study: StudyFile,
    data: StudyData = None,
    out: Annotated[Path | None, typer.Option(help="Directory of an earlier run, to show which steps are done.")] = None,
    scale: ScaleOption = Scale.FULL,
    override: Overrides = None,
    protocol: ProtocolOption = None,
    allow_missing: AllowMissing = False,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="Measure the speed of this machine first (five seconds of training per encoder), also for later "
            "plans.",
        ),
    ] = False,
    json: AsJson = False,
) -> None:
    """Show the plan of a study, without running it.

    The plan lists data, power, arms, settings, steps, and the estimated time.

    \b
    Examples:
      hilum study plan studies/demo.yaml
      hilum study plan studies/chestxray14_tiny.yaml --scale tiny --json
    """
    content = read(study, scale, override, protocol)  # before torch is imported: errors are reported at once
    folders = data_folders(data, content, need_all=False)
    from hilum.study.plan import plan_data, plan_study

    if measure:
        from hilum.study.plan.steps import image_size
        from hilum.study.rates import measure_rates

        starts = content.starts
        named = {str(arm.encoder or starts[str(arm.start)].encoder) for arm in content.arms.values()}
        measure_rates(sorted(named), image_size(content))
    description = plan_study(content, folders, out, allow_missing=allow_missing)
    if json:
        print_json(plan_data(description) | {"published": published_rows(description)})
    else:
        print_plan(description)
        print_published(description)


def check(
    study: StudyFile,
    data: StudyData = None,
    scale: ScaleOption = Scale.FULL,
    override: Overrides = None,
    protocol: ProtocolOption = None,
    allow_missing: AllowMissing = False,
    workers: Workers = None,
    json: AsJson = False,
) -> None:
    """Test every step of a study in miniature.

    The check uses few images, one epoch and one arm of each kind, and keeps no output. Errors of late steps (heat
    maps, tables, the report) appear within seconds; all problems are reported at once. Memory use of full batches is
    not checked.

    \b
    Examples:
      hilum study check studies/demo.yaml
      hilum study check own_images.yaml --data ours=images --allow-missing
      hilum study check studies/chestxray14_tiny.yaml --data chestxray14=CXR8 --set finetune.head=mlp
    """
    content = read(study, scale, override, protocol)
    folders = data_folders(data, content)
    from dataclasses import asdict

    from hilum.study.check import check_study

    _quiet()
    with progress("check") as on_progress:
        checked = check_study(content, folders, allow_missing=allow_missing, workers=workers, on_progress=on_progress)
    if json:
        print_json(asdict(checked))
        if checked.problems:
            raise typer.Exit(1)
        return
    checked.raise_problems()
    print_table(["step", "seconds"], [[title, f"{seconds:.1f}"] for title, seconds in checked.seconds.items()])
    echo(f"\n{_check_summary(checked)}")


def fetch(
    study: StudyFile,
    data: StudyData = None,
    override: Overrides = None,
) -> None:
    """Download the data sets and weights of a study.

    Data sets and weights that the study file names by URL are stored in the cache, as in `hilum study run`.

    \b
    Examples:
      hilum study fetch by_url.yaml
    """
    content = read(study, Scale.FULL, override)
    from hilum.study.plan import fetch_missing
    from hilum.study.plan.fetching import downloads_of

    given = data_folders(data, content, need_all=False)
    fetch_missing(content, given, progress)
    for each in downloads_of(content, given):
        echo(f"{each.title}: {each.address.place}")


def run(
    context: typer.Context,
    study: StudyFile,
    out: Annotated[Path, typer.Option(help="Directory of the study. Completed steps in it are reused.")],
    data: StudyData = None,
    scale: ScaleOption = Scale.FULL,
    override: Overrides = None,
    protocol: ProtocolOption = None,
    allow_missing: AllowMissing = False,
    workers: Workers = None,
    check_first: Annotated[
        bool | None,
        typer.Option(
            "--check/--no-check",
            help="Run every step in miniature first, like `hilum study check`. [default: check, unless --scale tiny]",
        ),
    ] = None,
    log: Annotated[
        Log | None, typer.Option(help="Also write training curves for TensorBoard or MLflow, to OUT/logs.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Run the steps on a Ray cluster whose nodes share OUT: auto, HOST:PORT, ray://HOST:PORT, or local.",
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Number of steps to run in parallel on this machine.")] = 1,
    cpus_per_step: Annotated[
        int, typer.Option(min=1, help="Number of cores per step, with --cluster or --jobs above 1.")
    ] = 1,
    mirror: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Copy each completed step to this place, and download completed steps from it: s3://…, file://…",
        ),
    ] = None,
) -> None:
    """Run a study up to its report, or resume it.

    Run the same command again to resume, or after a change of the study file: only missing steps are run.

    \b
    Examples:
      hilum study run studies/demo.yaml --out runs/demo
      hilum study run studies/chestxray14_tiny.yaml --data chestxray14=CXR8 --out runs/tiny64
      hilum study run studies/chestxray14_tiny.yaml --scale tiny --out runs/try
      hilum study run studies/demo.yaml --out runs/demo --jobs 2
    """
    content = read(study, scale, override, protocol)
    folders = data_folders(data, content, fetches=True)
    from hilum.artifacts import locked

    if int(os.environ.get("RANK") or os.environ.get("SLURM_PROCID") or 0) == 0:  # one of several processes locks
        context.with_resource(locked(out))  # before torch is imported: a second run is refused at once
    run_to_report(
        content,
        folders,
        out,
        workers,
        allow_missing=allow_missing,
        check_first=scale is not Scale.TINY if check_first is None else check_first,
        log=None if log is None else log.value,
        cluster=cluster,
        jobs=jobs,
        cpus_per_step=cpus_per_step,
        mirror=mirror,
    )


def extend(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of a study.")],
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds to add to every arm.")],
    data: StudyData = None,
    unannounced: Annotated[
        bool,
        typer.Option(
            "--unannounced", help="Allow a further look after all interim looks announced in `evaluate.looks`."
        ),
    ] = False,
    allow_missing: AllowMissing = False,
    workers: Workers = None,
) -> None:
    """Add seeds to a study, and evaluate it again.

    Only the new seeds are trained. Each evaluation is an interim look. Repeated looks inflate the type I error rate:
    announce their number in the study file beforehand (`evaluate: {looks: 3}`), so that the significance level is
    adjusted.

    \b
    Examples:
      hilum study extend runs/demo --seeds 5
      hilum study extend runs/tiny64 --seeds 2 --data chestxray14=CXR8 --unannounced
    """
    from hilum.study.execution import extended

    content = extended(directory, seeds, unannounced=unannounced)
    run_to_report(content, data_folders(data, content, fetches=True), directory, workers, allow_missing=allow_missing)


def status(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of the study.")],
    json: AsJson = False,
) -> None:
    """Show the state of each step of a study.

    States are done, running, interrupted or missing.

    \b
    Example:
      hilum study status runs/demo
    """
    from dataclasses import asdict

    from hilum.study.execution import study_status

    steps = study_status(directory)
    report = directory / "report.html"
    if json:
        print_json({"steps": [asdict(step) for step in steps], "report": str(report) if report.exists() else None})
        return
    print_table(["step", "state", "seconds", ""], [(s.title, s.state, s.seconds, s.note) for s in steps])
    echo(
        f"\nReport: {report}"
        if report.exists()
        else f"\n{sum(s.state == 'done' for s in steps)} of {len(steps)} steps done"
    )


def read(study: str, scale: Scale, override: list[str] | None, protocol: Protocol | None = None) -> "Study":
    """Read a study file at a scale, by Hilum's protocol or by that of the paper that it reproduces."""
    from hilum.study.file import find_study, read_study, tiny

    rules = [f"protocol={protocol.value}"] if protocol else []
    content = read_study(find_study(study), [*rules, *(override or [])])
    return content if scale is Scale.FULL else tiny(content)


def data_folders(
    data: list[str] | None, study: "Study", *, need_all: bool = True, fetches: bool = False
) -> dict[str, Path]:
    """Parse NAME=FOLDER of each data set, before torch is imported, so that errors are reported at once.

    Args:
        data: Texts as given.
        study: The study.
        need_all: Require all data sets of the study; those downloaded before are added.
        fetches: Data sets that the study names by URL are downloaded later, and not required.

    Returns:
        Folders by name of the data set.

    Raises:
        HilumError: A data set that the study does not have, a folder that does not exist, or a required data set that
            is missing.
    """
    from hilum.study.plan.fetching import available_roots
    from hilum.study.plan.prepare import refuse_without_folder

    found = {}
    for entry in data or []:
        name, equals, root = entry.partition("=")
        if not equals:
            raise HilumError(
                f"--data {entry}", expected="NAME=FOLDER", found="no '='", fix=f"Write --data {entry}=FOLDER."
            )
        if name not in study.data:
            names = ", ".join(study.data)
            raise HilumError(
                f"--data {entry}", expected=f"a data set of the study ({names})", found=name, fix="Rename it."
            )
        if not Path(root).is_dir():
            raise HilumError(f"--data {name}", expected="a folder", found=f"{root} is none", fix="Check the path.")
        found[name] = Path(root)
    if need_all:
        found = available_roots(study, found)
        later = {name: Path() for name, each in study.data.items() if fetches and each.address is not None}
        refuse_without_folder(study, {**later, **found})
    return found


def run_to_report(
    study: "Study",
    data: dict[str, Path],
    out: Path,
    workers: int | None,
    *,
    allow_missing: bool = False,
    check_first: bool = False,
    log: str | None = None,
    cluster: str | None = None,
    jobs: int = 1,
    cpus_per_step: int = 1,
    mirror: str | None = None,
) -> None:
    """Run a study with a progress bar per step, and print the path of the report."""
    from hilum.study.run import run_study

    first = []  # of several processes only the first one prints

    def begin(question: str) -> None:
        first.append(question)
        echo(question)

    result = run_study(
        study,
        out,
        data,
        workers=workers,
        allow_missing=allow_missing,
        check=check_first,
        progress=progress,
        log=cast('Literal["tensorboard", "mlflow"] | None', log),
        cluster=cluster,
        jobs=jobs,
        cpus_per_step=cpus_per_step,
        mirror=mirror,
        on_start=begin,
        on_read=lambda lines: echo("\n".join(lines)),
        on_check=_print_checked,
    )
    if first:
        echo(f"\nReport: {result.page}")


def _print_checked(checked: "CheckResult") -> None:
    for warning in checked.warnings:
        echo(f"warning ({warning.code}): {warning.sentence}. The arm will be excluded if the full run ends like this")
    echo(_check_summary(checked))


def _quiet() -> None:
    import logging

    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)  # it logs its precision at every step


def _check_summary(checked: "CheckResult") -> str:
    arms, seconds = len(checked.arms), sum(checked.seconds.values())
    tried = "All other steps ran" if checked.warnings else "Every step ran"
    return (
        f"{tried} in miniature: {arms} arm{'s' if arms > 1 else ''} ({', '.join(checked.arms)}), "
        f"{counted(checked.images)}, {seconds:.1f} s"
    )
