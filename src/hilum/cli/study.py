"""`hilum study plan | check | run | extend | status`."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hilum.artifacts import locked
from hilum.cli.console import progress, say, say_json, say_table
from hilum.cli.published_numbers import published_rows, say_published
from hilum.cli.study_folder import add_folder_commands
from hilum.errors import HilumError

if TYPE_CHECKING:
    from hilum.study.check import Checked
    from hilum.study.file import Study
    from hilum.study.plan import Plan


class Log(StrEnum):
    """Where curves go beside the study's own files."""

    TENSORBOARD = "tensorboard"


class Scale(StrEnum):
    """How large a study is run."""

    FULL = "full"
    TINY = "tiny"


class Protocol(StrEnum):
    """Whose rules a study of a paper follows."""

    HILUM = "hilum"
    PUBLISHED = "published"


StudyFile = Annotated[str, typer.Argument(metavar="STUDY.yaml", help="Study file, or the name of a shipped study.")]
Data = Annotated[
    list[str] | None, typer.Option("--data", metavar="NAME=ROOT", help="Folder of a data set; once for each.")
]
ScaleOption = Annotated[
    Scale, typer.Option(help="`tiny` runs everything in miniature on generated images; results mean nothing.")
]
ProtocolOption = Annotated[
    Protocol | None,
    typer.Option(help="`published`: the paper's own rules, as the study file lists them under `published`."),
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
    app = typer.Typer(help="Plan, check, run and watch a whole comparison, told in one file.", no_args_is_help=True)
    app.command("plan")(plan)
    app.command("check")(check)
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
    content = read(study, scale, override, protocol)  # before torch is imported: a mistake in it is told at once
    from hilum.study.plan import plan_data, plan_study

    if measure:
        from hilum.study.plan.steps import image_size
        from hilum.study.rates import measure_rates

        starts = content.starts
        named = {str(arm.encoder or starts[str(arm.start)].encoder) for arm in content.arms.values()}
        measure_rates(sorted(named), image_size(content))
    description = plan_study(content, roots(data), out, allow_missing=allow_missing)
    if json:
        say_json(plan_data(description) | {"published": published_rows(description)})
    else:
        _say_plan(description)
        say_published(description)


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

    What would fail late (a heat-map method, a table, the report) fails here, in seconds; all problems are told at once.
    The memory that full batches take is not tried.

    \b
    Examples:
      hilum study check studies/demo.yaml
      hilum study check own_images.yaml --data ours=images --allow-missing
      hilum study check studies/chestxray14_tiny.yaml --data chestxray14=CXR8 --set finetune.head=mlp
    """
    content = read(study, scale, override, protocol)
    from dataclasses import asdict

    from hilum.study.check import check_study

    _quiet()
    with progress("check") as on_progress:
        checked = check_study(
            content, roots(data), allow_missing=allow_missing, workers=workers, on_progress=on_progress
        )
    if json:
        say_json(asdict(checked))
        if checked.problems:
            raise typer.Exit(1)
        return
    checked.raise_problems()
    say_table(["step", "seconds"], [[title, f"{seconds:.1f}"] for title, seconds in checked.seconds.items()])
    say(f"\n{_checked_in_words(checked)}")


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
        bool, typer.Option("--check/--no-check", help="Try every step in miniature first, as `hilum study check` does.")
    ] = True,
    log: Annotated[
        Log | None, typer.Option(help="Write the curves of training also for TensorBoard, into OUT/logs.")
    ] = None,
) -> None:
    """Run a study to its report. Interrupted, or with a changed arm, it does only what is left.

    \b
    Examples:
      hilum study run studies/demo.yaml --out runs/demo
      hilum study run studies/chestxray14_tiny.yaml --data chestxray14=CXR8 --out runs/tiny64
      hilum study run studies/chestxray14_tiny.yaml --scale tiny --out runs/try
    """
    content = read(study, scale, override, protocol)
    if int(os.environ.get("RANK") or os.environ.get("SLURM_PROCID") or 0) == 0:  # of several processes, one locks
        context.with_resource(locked(out))  # before torch is imported: a second run is refused at once
    run_to_report(
        content,
        roots(data),
        out,
        workers,
        allow_missing=allow_missing,
        check_first=check_first,
        log="tensorboard" if log is Log.TENSORBOARD else None,
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
    run_to_report(content, roots(data), directory, workers, allow_missing=allow_missing)


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
        say_json({"steps": [asdict(step) for step in steps], "report": str(report) if report.exists() else None})
        return
    say_table(["step", "state", "seconds", ""], [(s.title, s.state, s.seconds, s.note) for s in steps])
    say(
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


def roots(data: list[str] | None) -> dict[str, Path]:
    """Folders of data sets from NAME=ROOT."""
    found = {}
    for entry in data or []:
        name, equals, root = entry.partition("=")
        if not equals:
            raise HilumError(
                f"--data {entry}", expected="NAME=ROOT", found="no '='", fix=f"Write --data {entry}=FOLDER."
            )
        if not Path(root).is_dir():
            raise HilumError(f"--data {name}", expected="a folder", found=f"{root} is none", fix="Check the path.")
        found[name] = Path(root)
    return found


def run_to_report(
    study: "Study",
    data: dict[str, Path],
    out: Path,
    workers: int | None,
    *,
    allow_missing: bool = False,
    check_first: bool = False,
    log: "Literal['tensorboard'] | None" = None,
) -> None:
    """Run a study with a progress bar a step, and say where the report is."""
    from hilum.study.run import run_study

    first = []  # of several processes only the first one prints

    def begin(question: str) -> None:
        first.append(question)
        say(question)

    result = run_study(
        study,
        out,
        data,
        workers=workers,
        allow_missing=allow_missing,
        check=check_first,
        progress=progress,
        log=log,
        on_start=begin,
        on_check=_say_checked,
    )
    if first:
        say(f"\nReport: {result.page}")


def _say_checked(checked: "Checked") -> None:
    for warning in checked.warnings:
        say(f"warning ({warning.code}): {warning.sentence}. This arm will be left out if it ends so")
    say(_checked_in_words(checked))


def _quiet() -> None:
    import logging

    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)  # it announces its precision at every step


def _checked_in_words(checked: "Checked") -> str:
    arms, seconds = len(checked.arms), sum(checked.seconds.values())
    tried = "All other steps ran" if checked.warnings else "Every step ran"
    return (
        f"{tried} in miniature: {arms} arm{'s' if arms > 1 else ''} ({', '.join(checked.arms)}), "
        f"{checked.images:,} images, {seconds:.1f} s"
    )


def _say_plan(description: "Plan") -> None:
    from hilum.study.plan import plan_data

    content = plan_data(description)
    say(content["question"] + "\n")
    for row in content["data"]:
        _say_data(row, content["task"]["split"] if "task" in content else None)
    for task in content.get("tasks", []):
        _say_task(task)
    if "tasks" in content:
        _say_tasks_and_arms(content["tasks"])
    else:
        _say_arms(content)
    _say_presets(content["pretraining"])
    say()
    say_table(
        ["step", "state", "about"],
        [[s["title"], "done" if s["done"] else "to do", _duration(s["seconds"])] for s in content["steps"]],
    )
    done = sum(step["done"] for step in content["steps"])
    about = f" · about {_duration(content['seconds'])} on this machine" if content["seconds"] is not None else ""
    about += f" ({_duration(content['seconds_low'])} to {_duration(content['seconds_high'])})" if about else ""
    say(f"\n{len(content['steps'])} steps, {done} done already{about}")
    _say_rates(content["rates"])
    if content["refused"]:
        say("\n`hilum study run` refuses this study:")
        for problem in content["refused"]:
            say(f"  {problem}")
    counted = [task["images"] for task in content.get("tasks", [content])]
    if None in counted:
        missing = [row["name"] for row in content["data"] if not row["generated"]]
        say("Counts, split and time need the tables: add " + " ".join(f"--data {name}=ROOT" for name in missing))


def _say_rates(rates: dict[str, Any] | None) -> None:
    """Where the estimate comes from, and how sure it is."""
    if rates is None:
        return
    sources = {
        "measured_here": "measured on this machine",
        "table": "of the table of measured machines",
        "matrix_product": "this machine's matrix product by the family's share of it on a measured one; "
        "`--measure` is surer",
    }
    for encoder, rate in rates["encoders"].items():
        say(
            f"{encoder}: {rate['gigaflops']:,.0f} GFLOP/s, give or take {rate['spread']:.0%}: "
            f"{sources[rate['source']]} ({rates['device']})"
        )


def _say_arms(content: dict[str, Any]) -> None:
    """Arms of one task, and what they are trained with."""
    if content["power"] is not None:
        _say_power(content["power"])
    rows = [[a["arm"], a["encoder"], a["starts_from"], _trainable(a), a["seen_test_patients"]] for a in content["arms"]]
    say_table(["arm", "encoder", "starts from", "trainable", "has seen test patients"], rows)
    _say_weights(content["arms"])
    _say_start_differences(content["arms"])
    _say_labelled(content["labelled"])
    _say_finetuning(content["finetuning"])
    for row in content["sweeps"]:
        say(f"\nSweep of {row['arm']}: {row['in_words']}")


def _say_task(task: dict[str, Any]) -> None:
    """One task among several, with its own images and arms."""
    told = task["task"]
    say(f"\nTask {task['name']}: {', '.join(told['findings'])} on {told['on']}")
    if task["test_on"]:
        say("  tested on " + ", ".join(f"{name}, too ({count:,} images)" for name, count in task["test_on"].items()))
    data = task["data"]
    if isinstance(data.get("splits"), dict):
        say(f"  {' · '.join(f'{part} {count:,}' for part, count in data['splits'].items())}    split {told['split']}")
        for finding, by_split in data["positives"].items():
            say(f"  {finding}: {' · '.join(f'{part} {count:,}' for part, count in by_split.items())}")
    _say_arms(task)


def _say_tasks_and_arms(tasks: list[dict[str, Any]]) -> None:
    """Which arm is trained on which task, with how many labelled images."""
    arms = dict.fromkeys(arm["arm"] for task in tasks for arm in task["arms"])
    rows = [[arm, *("x" if arm in {a["arm"] for a in task["arms"]} else "" for task in tasks)] for arm in arms]
    say()
    say_table(["arm", *(task["name"] for task in tasks)], rows)


def _trainable(arm: dict[str, Any]) -> str:
    trains, frozen = arm["trainable_parameters"], arm["frozen_parameters"]
    return f"{_count(trains)} of {_count(trains + frozen)}" if frozen else _count(trains)


def _count(parameters: int) -> str:
    return f"{parameters / 1e6:.1f} M" if parameters >= 1e6 else f"{parameters:,}"


def _say_weights(arms: list[dict[str, Any]]) -> None:
    """Where weights come from, on what terms, and what they have seen, once for arms that start from the same ones;
    nothing for what the study makes itself.
    """
    named: dict[tuple[Any, ...], list[str]] = {}
    for arm in arms:
        weights = arm["weights"]
        if weights["source"]:
            key = (weights["source"], weights["licence"], weights["seen"], weights["here"])
            named.setdefault(key, []).append(arm["arm"])
    for (source, licence, seen, here), of_arms in named.items():
        terms = f", {licence}" if licence else ""
        say(f"{', '.join(of_arms)}: weights of {source}{terms}; they have seen {seen}")
        if not here:
            say("  not on this machine: `hilum weights fetch` gets them, or says which file to put where")


def _say_start_differences(arms: list[dict[str, Any]]) -> None:
    """Arms whose encoders have learnt from images that were made otherwise, once for those that differ alike."""
    from hilum.report.verdict import difference_in_words

    named: dict[str, list[str]] = {}
    for arm in arms:
        for each in arm["start_differences"]:
            told = difference_in_words(each["code"], each["pretrained"], each["finetuned"])
            named.setdefault(told, []).append(arm["arm"])
    for told, of_arms in named.items():
        say(f"{', '.join(of_arms)}: {told}")


def _say_labelled(labelled: dict[str, Any] | None) -> None:
    """How many labels are learnt from."""
    if labelled is None:
        return
    say(f"\nLabels: {labelled['in_words']}")
    if len({(row["images"], *row["positives"].values()) for row in labelled["seeds"]}) > 1:
        rows = [
            [row["seed"], row["images"], row["patients"], ", ".join(f"{k} {v}" for k, v in row["positives"].items())]
            for row in labelled["seeds"]
        ]
        say_table(["seed", "images", "patients", "positive images"], rows)


def _say_finetuning(rows: list[dict[str, Any]]) -> None:
    """How long each arm trains with labels, and what a preset fills in, with reasons."""
    for row in rows:
        say(
            f"\nFine-tuning of {', '.join(row['arms'])} on {row['images']:,} labelled images: {row['steps']:,} steps "
            f"in {row['epochs']:,} epochs; what the study leaves out is of preset {row['preset']}"
        )
        say_table(
            ["setting", "value", "from", "reason"],
            [[each["name"], _value(each["value"]), each["origin"], each["reason"]] for each in row["settings"]],
        )
        say(f"Defaults: {', '.join(f'{name} {_value(value)}' for name, value in row['defaults'].items())}")
        if row.get("class_weights"):
            say_table(
                ["finding", "images", "class weight", "resampled", "weight of the loss"],
                [
                    [name, f"{each['images']:,}", f"{each['weight']:.3f}", f"{each['resampled']:,}",
                     f"{each['loss_weight']:.3f}"]
                    for name, each in row["class_weights"].items()
                ],
            )  # fmt: skip


def _say_presets(rows: list[dict[str, Any]]) -> None:
    """What presets fill in, with reasons; once for pretrainings that leave the same to them."""
    arms: dict[tuple[Any, ...], list[str]] = {}
    for row in rows:
        filled = tuple((s["name"], _value(s["value"]), s["reason"]) for s in row["settings"] if "preset" in s["origin"])
        arms.setdefault((row["preset"], filled), []).extend(row["arms"])
    for (preset, filled), named in arms.items():
        say(f"\nPretraining of {', '.join(named)}, what the study leaves out: {preset}")
        say_table(["setting", "value", "reason"], filled)


def _value(value: object) -> str:
    return "-" if value is None else str(value)


def _say_data(row: dict[str, object], split: str | None) -> None:
    images = f"{row['images']:,} images" if row["images"] is not None else "images not counted yet"
    patients = f" of {row['patients']:,} patients" if row["patients"] is not None else ""
    origin = "generated, " if row["generated"] else ""
    say(f"{row['name']}  {images}{patients} ({origin}{row['collection']})")
    if row.get("pool") is not None:
        unlabelled = f"{row['unlabelled']:,} unlabelled; " if row["unlabelled"] else ""
        say(f"  {unlabelled}{row['pool']:,} images to pretrain on: of patients who neither validate nor test")
    splits, positives = row.get("splits"), row.get("positives")
    if isinstance(splits, dict) and isinstance(positives, dict):
        say(f"  {' · '.join(f'{part} {count:,}' for part, count in splits.items())}    split {split}")
        for finding, by_split in positives.items():
            say(f"  {finding}: {' · '.join(f'{part} {count:,}' for part, count in by_split.items())}")
    say()


def _say_power(power: dict[str, Any]) -> None:
    """What the test images can show, in a sentence and a line a finding."""
    overall, assumed = power["rows"][0], power["assumed"]
    findings = power["rows"][1:] or power["rows"]  # of one finding there is no mean
    smallest, note = overall["smallest_difference"], overall["note"]
    if smallest is None:
        say(f"This test set can show no difference in AUROC: {note}.")
    else:
        say(f"This test set can show a difference of at least {smallest:.3f} in AUROC{f', {note}' if note else ''}.")
    columns = ("finding", "positives", "negatives", "patients", "positive_patients", "smallest_difference")
    titles = ["finding", "positive images", "negative images", "patients", "positive patients", "smallest difference"]
    say_table(titles, [[row[key] for key in columns] for row in findings])
    notes = {row["note"] for row in findings} - {""}
    for note in sorted(notes):
        say(f"{', '.join(row['finding'] for row in findings if row['note'] == note)}: {note}.")
    say(
        f"Paired, two-sided, {assumed['significance']:.0%} level, {assumed['power']:.0%} power, one seed; AUROC of the "
        f"weaker arm {assumed['auroc']:g}, correlation of the arms {assumed['correlation']:g}. Others: hilum power."
    )
    say()


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
