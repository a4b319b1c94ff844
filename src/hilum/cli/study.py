"""`hilum study plan | check | run | extend | status`."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from hilum.cli.console import echo, print_json, print_table, progress
from hilum.cli.published_numbers import Protocol, ProtocolOption, print_published, published_rows
from hilum.cli.study_folder import add_folder_commands
from hilum.cli.study_plan import print_plan
from hilum.errors import HilumError

if TYPE_CHECKING:
    from hilum.study.check import CheckResult
    from hilum.study.file import Study


class Log(StrEnum):
    """Where curves go beside the study's own files."""

    TENSORBOARD = "tensorboard"
    MLFLOW = "mlflow"


class Scale(StrEnum):
    """How large a study is run."""

    FULL = "full"
    TINY = "tiny"


StudyFile = Annotated[str, typer.Argument(metavar="STUDY.yaml", help="Study file, or the name of a shipped study.")]
Data = Annotated[
    list[str] | None, typer.Option("--data", metavar="NAME=ROOT", help="Folder of a data set; once for each.")
]
ScaleOption = Annotated[
    Scale, typer.Option(help="`tiny` runs everything in miniature on generated images; results mean nothing.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change a setting, for example finetune.epochs=3; may be repeated."
    ),
]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Go on where tables name images whose file is not there.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]


def study_app() -> typer.Typer:
    """The commands on study files."""
    app = typer.Typer(
        help="Plan, check, run and watch a whole comparison, described in one file.", no_args_is_help=True
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
    data: Data = None,
    out: Annotated[Path | None, typer.Option(help="Directory of an earlier run, to see what is done.")] = None,
    scale: ScaleOption = Scale.FULL,
    override: Overrides = None,
    protocol: ProtocolOption = None,
    allow_missing: AllowMissing = False,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure", help="Train its encoders for five seconds first, and keep the rates for later plans."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Say what a study would do: data, arms, steps, estimated time. Runs nothing.

    \b
    Examples:
      hilum study plan studies/demo.yaml
      hilum study plan studies/chestxray14_tiny.yaml --scale tiny --json
    """
    content = read(study, scale, override, protocol)  # before torch is imported: a mistake in it is reported at once
    folders = roots(data, content, need_all=False)
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
    data: Data = None,
    scale: ScaleOption = Scale.FULL,
    override: Overrides = None,
    protocol: ProtocolOption = None,
    allow_missing: AllowMissing = False,
    workers: Annotated[int | None, typer.Option(min=0, help="Threads that prepare images.")] = None,
    json: Json = False,
) -> None:
    """Try every step of a study in miniature: few images, one epoch, one arm of each kind. Leaves nothing behind.

    What would fail late (a heat-map method, a table, the report) fails here, in seconds; all problems are reported at
    once. The memory that full batches take is not tried.

    \b
    Examples:
      hilum study check studies/demo.yaml
      hilum study check own_images.yaml --data ours=images --allow-missing
      hilum study check studies/chestxray14_tiny.yaml --data chestxray14=CXR8 --set finetune.head=mlp
    """
    content = read(study, scale, override, protocol)
    folders = roots(data, content)
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
    echo(f"\n{_checked_in_words(checked)}")


def fetch(
    study: StudyFile,
    data: Data = None,
    override: Overrides = None,
) -> None:
    """Fetch the data sets and weights that a study names by URL, as `run` does first; each once, into the cache.

    \b
    Examples:
      hilum study fetch by_url.yaml
    """
    content = read(study, Scale.FULL, override)
    from hilum.study.plan import fetch_missing
    from hilum.study.plan.fetching import downloads_of

    given = roots(data, content, need_all=False)
    fetch_missing(content, given, progress)
    for each in downloads_of(content, given):
        echo(f"{each.title}: {each.address.place}")


def run(
    context: typer.Context,
    study: StudyFile,
    out: Annotated[Path, typer.Option(help="Directory of the study; what is done there already is kept.")],
    data: Data = None,
    scale: ScaleOption = Scale.FULL,
    override: Overrides = None,
    protocol: ProtocolOption = None,
    allow_missing: AllowMissing = False,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Threads that prepare images; results do not depend on it.")
    ] = None,
    check_first: Annotated[
        bool | None,
        typer.Option(
            "--check/--no-check",
            help="Try every step in miniature first, as `hilum study check` does; so unless the scale is tiny.",
        ),
    ] = None,
    log: Annotated[
        Log | None, typer.Option(help="Write the curves of training also for TensorBoard or MLflow, into OUT/logs.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Do the steps on a Ray cluster whose nodes share OUT: `auto`, HOST:PORT, ray://HOST:PORT; or `local`.",
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Do so many steps at once, in processes of this machine.")] = 1,
    cpus_per_step: Annotated[
        int, typer.Option(min=1, help="Cores that each step takes, with --cluster or several --jobs.")
    ] = 1,
    mirror: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Copy each finished step there, and fetch from there what is done: s3://…, file://…"
        ),
    ] = None,
) -> None:
    """Run a study to its report. Interrupted, or with a changed arm, it does only what is left.

    \b
    Examples:
      hilum study run studies/demo.yaml --out runs/demo
      hilum study run studies/chestxray14_tiny.yaml --data chestxray14=CXR8 --out runs/tiny64
      hilum study run studies/chestxray14_tiny.yaml --scale tiny --out runs/try
      hilum study run studies/demo.yaml --out runs/demo --jobs 2
    """
    content = read(study, scale, override, protocol)
    folders = roots(data, content, fetches=True)
    from hilum.artifacts import locked

    if int(os.environ.get("RANK") or os.environ.get("SLURM_PROCID") or 0) == 0:  # of several processes, one locks
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
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of a study that was run.")],
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds to add to every arm.")],
    data: Data = None,
    unannounced: Annotated[
        bool, typer.Option("--unannounced", help="Also where all looks that `evaluate.looks` announced are taken.")
    ] = False,
    allow_missing: AllowMissing = False,
    workers: Annotated[int | None, typer.Option(min=0, help="Threads that prepare images.")] = None,
) -> None:
    """Add seeds to a study: only they are trained, and the results are judged again, as the next look.

    Looking again until something shows claims too much; announce beforehand how many looks there will be
    (`evaluate: {looks: 3}`), and each of them pays for it.

    \b
    Examples:
      hilum study extend runs/demo --seeds 5
      hilum study extend runs/tiny64 --seeds 2 --data chestxray14=CXR8 --unannounced
    """
    from hilum.study.execution import extended

    content = extended(directory, seeds, unannounced=unannounced)
    run_to_report(content, roots(data, content, fetches=True), directory, workers, allow_missing=allow_missing)


def status(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of the study.")],
    json: Json = False,
) -> None:
    """Say which steps of a study are done, running, interrupted or left.

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
    """Read a study file at a scale, by Hilum's rules or by those of the paper that it repeats."""
    from hilum.study.file import find_study, read_study, tiny

    rules = [f"protocol={protocol.value}"] if protocol else []
    content = read_study(find_study(study), [*rules, *(override or [])])
    if scale is Scale.FULL:
        return content

    return tiny(content)


def roots(data: list[str] | None, study: "Study", *, need_all: bool = True, fetches: bool = False) -> dict[str, Path]:
    """Folders of data sets from NAME=ROOT, read before torch is imported: what is wrong with them is reported at once.

    Args:
        data: as they were given.
        study: the study.
        need_all: whether all are needed; then those that were fetched before are among them.
        fetches: whether those that the study names by URL are fetched later.

    Raises:
        HilumError: a name that is none of the study's, a folder that is not there, or, where all are needed, one that
            is not named.
    """
    from hilum.study.plan.fetching import available_roots
    from hilum.study.plan.prepare import refuse_without_folder

    found = {}
    for entry in data or []:
        name, equals, root = entry.partition("=")
        if not equals:
            raise HilumError(
                f"--data {entry}", expected="NAME=ROOT", found="no '='", fix=f"Write --data {entry}=FOLDER."
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
    """Run a study with a progress bar a step, and say where the report is."""
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
        echo(f"warning ({warning.code}): {warning.sentence}. This arm will be left out if it ends so")
    echo(_checked_in_words(checked))


def _quiet() -> None:
    import logging

    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)  # it announces its precision at every step


def _checked_in_words(checked: "CheckResult") -> str:
    arms, seconds = len(checked.arms), sum(checked.seconds.values())
    tried = "All other steps ran" if checked.warnings else "Every step ran"
    return (
        f"{tried} in miniature: {arms} arm{'s' if arms > 1 else ''} ({', '.join(checked.arms)}), "
        f"{checked.images:,} images, {seconds:.1f} s"
    )
