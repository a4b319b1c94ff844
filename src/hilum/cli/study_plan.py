"""Output of `hilum study plan`."""

from typing import TYPE_CHECKING, Any

from hilum.cli.console import echo, print_table
from hilum.wording import counted

if TYPE_CHECKING:
    from hilum.study.plan import Plan


def print_plan(description: "Plan") -> None:
    """Print a plan: data, power, arms, settings with their reasons, steps and time."""
    from hilum.study.plan import plan_data

    content = plan_data(description)
    echo(content["question"] + "\n")
    for row in content["data"]:
        _print_data(row, content["task"]["split"] if "task" in content else None)
    for task in content.get("tasks", []):
        _print_task(task)
    if "tasks" in content:
        _print_tasks_and_arms(content["tasks"])
    else:
        _print_arms(content)
    _print_presets(content["pretraining"])
    echo()
    print_table(
        ["step", "state", "about"],
        [[s["title"], "done" if s["done"] else "to do", _duration(s["seconds"])] for s in content["steps"]],
    )
    done = sum(step["done"] for step in content["steps"])
    about = f" · about {_duration(content['seconds'])} on this machine" if content["seconds"] is not None else ""
    about += f" ({_duration(content['seconds_low'])} to {_duration(content['seconds_high'])})" if about else ""
    echo(f"\n{len(content['steps'])} steps, {done} done already{about}")
    if done < len(content["steps"]):
        echo("`hilum study run` first checks every step in miniature (--no-check; not with --scale tiny)")
    _print_kinds(content["seconds_by_kind"])
    _print_rates(content["rates"])
    if (disk := content["disk"]) is not None and disk["needed"]:
        scarce = "; not enough" if disk["needed"] > disk["free"] else ""
        echo(f"Disk: about {_size(disk['needed'])} needed, {_size(disk['free'])} free{scarce}")
    _print_fetching(content)
    if content["warnings"]:
        echo("\nWarnings:")
        for each in content["warnings"]:
            echo(f"  {each['data']}: {each['text']}")
    if content["refused"]:
        echo("\n`hilum study run` refuses this study:")
        for problem in content["refused"]:
            echo(f"  {problem}")
    if any(task["images"] is None for task in content.get("tasks", [content])):
        _print_what_counts_need(content, description.study.data_in_folders)


def _print_what_counts_need(content: dict[str, Any], in_folders: list[str]) -> None:
    """Print how to get the counts of images that are not counted yet."""
    missing = [row["name"] for row in content["data"] if row["images"] is None and row["name"] in in_folders]
    by_hand = " ".join(f"--data {name}=FOLDER" for name in missing)
    fetch = "run `hilum study fetch`, or " if content.get("fetching") else ""
    if missing:
        echo(f"Counts, split and time need the tables of the data sets: {fetch}add {by_hand}")
    else:
        echo("Counts, split and time of generated images are known once they are generated, by `hilum study run`")


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def _print_fetching(content: dict[str, Any]) -> None:
    """Print what a run downloads first, and the free disk space."""
    rows = content.get("fetching", [])
    for row in rows:
        size = "unknown size" if row["bytes"] is None else _size(row["bytes"])
        state = f"here, in {row['place']}" if row["here"] else f"to be fetched first ({size})"
        state = state if row["there"] else "no such file: fix the url, or name a folder with --data"
        echo(f"{row['title']}: {row['url']}, {state}")
    if not all(row["here"] for row in rows):
        echo(f"Free disk space for downloads: {_size(content['free_disk'])}")


_LONG = 3600.0
"""Duration in seconds above which a plan lists ways to shorten it."""
_SHORTER = {
    "pretrain": "fewer epochs (--set pretrain.epochs=N), one pretraining for all seeds (--set pretrain.seeds=first), "
    "smaller images (preprocess), fewer arms",
    "supervise": "fewer epochs (init.finetune.epochs of the arm)",
    "sweep": "fewer values (sweep.over), or sweep.search: halving",
    "finetune": "fewer seeds (--set seeds=[0]), fewer epochs (--set finetune.epochs=N), a frozen encoder "
    "(--set finetune.unfreeze=0), fewer arms",
    "explain": "no heat maps (--set explain=null)",
}


def _print_kinds(rows: list[dict[str, Any]]) -> None:
    """Print the steps that take most of the time of a long study, and ways to shorten them."""
    if sum(row["seconds"] for row in rows) < _LONG:
        return
    parts = [
        f"{row['kind']} {_duration(row['seconds'])} ({row['steps']} {'step' if row['steps'] == 1 else 'steps'})"
        for row in rows[:3]
    ]
    echo(f"Most of it: {', '.join(parts)}")
    if shorter := _SHORTER.get(rows[0]["kind"]):
        echo(f"Shorter: {shorter} (results change); `--scale tiny` tries everything in minutes")


def _print_parts(parts: list[dict[str, Any]]) -> None:
    """Print the images of each data set of a pool."""
    for row in parts:
        counts = row["positives"].items()
        described = ", ".join(f"{name} {'not labelled' if n is None else format(n, ',')}" for name, n in counts)
        echo(f"  {row['data']}, {row['split']}: {counted(row['images'])}; positive: {described}")


def _print_rates(rates: dict[str, Any] | None) -> None:
    """Print the source and the uncertainty of the time estimate."""
    if rates is None:
        return
    sources = {
        "measured_here": "measured on this machine",
        "table": "from the table of measured machines",
        "matrix_product": "scaled from a measured machine by the speed of matrix products; --measure is more accurate",
    }
    for encoder, rate in rates["encoders"].items():
        echo(
            f"{encoder}: {rate['gigaflops']:,.0f} GFLOP/s ± {100 * rate['spread']:.0f} %, "
            f"{sources[rate['source']]} ({rates['device']})"
        )


def _print_arms(content: dict[str, Any]) -> None:
    """Print the arms of a task, with their weights, labels and settings."""
    if content["power"] is not None:
        _print_power(content["power"])
    rows = [
        [a["arm"], a["encoder"], a["starts_from"], _trainable(a), a["trained_on_test_patients"]]
        for a in content["arms"]
    ]
    print_table(["arm", "encoder", "starts from", "trainable", "trained on test patients"], rows)
    _print_weights(content["arms"])
    _print_start_differences(content["arms"])
    if (evaluated := content["evaluated"]) is not None and evaluated["unit"] == "study":
        score = "mean" if evaluated["score"] == "mean" else "highest"
        echo(
            f"Evaluated per study: {counted(evaluated['test_units'], 'study', 'studies')} of "
            f"{counted(evaluated['test_images'], 'test image')}, by the {score} score of each"
        )
    if lost := content["without_features"]:
        counts = ", ".join(f"{part} {count:,}" for part, count in lost.items())
        echo(f"Images without features, excluded from all arms: {counts}")
    _print_labelled(content["labelled"])
    _print_finetuning(content["finetuning"])
    for row in content["sweeps"]:
        echo(f"\nSweep of {row['arm']}: {row['description'] if row['refused'] is None else 'refused, see below'}")


def _print_task(task: dict[str, Any]) -> None:
    """Print one of several tasks, with its images and arms."""
    described = task["task"]
    echo(f"\nTask {task['name']}: {', '.join(described['findings'])} on {described['on']}")
    if task["test_on"]:
        echo("  also tested on " + ", ".join(f"{name} ({counted(count)})" for name, count in task["test_on"].items()))
    _print_splits(task["data"], described["split"])
    _print_parts(task["data"].get("parts", []))
    _print_arms(task)


def _print_splits(data: dict[str, Any], split: str | None) -> None:
    """Print the numbers of images and of positives of each part of a split, once they are counted."""
    if not isinstance(data.get("splits"), dict):
        return
    echo(f"  {_counts(data['splits'])}    split {split}")
    for finding, by_split in data["positives"].items():
        echo(f"  {finding}: {_counts(by_split)}")


def _counts(by_part: dict[str, int]) -> str:
    return " · ".join(f"{part} {count:,}" for part, count in by_part.items())


def _print_tasks_and_arms(tasks: list[dict[str, Any]]) -> None:
    """Print which arm is trained on which task."""
    arms = dict.fromkeys(arm["arm"] for task in tasks for arm in task["arms"])
    rows = [[arm, *("x" if arm in {a["arm"] for a in task["arms"]} else "" for task in tasks)] for arm in arms]
    echo()
    print_table(["arm", *(task["name"] for task in tasks)], rows)


def _trainable(arm: dict[str, Any]) -> str:
    trains, frozen = arm["trainable_parameters"], arm["frozen_parameters"]
    return f"{_count(trains)} of {_count(trains + frozen)}" if frozen else _count(trains)


def _count(parameters: int) -> str:
    return f"{parameters / 1e6:.1f} M" if parameters >= 1e6 else f"{parameters:,}"


def _print_weights(arms: list[dict[str, Any]]) -> None:
    """Print source, licence and training data of published weights, once for arms with the same weights."""
    named: dict[tuple[Any, ...], list[str]] = {}
    for arm in arms:
        weights = arm["weights"]
        if weights["source"]:
            key = (weights["source"], weights["licence"], weights["trained_on"], weights["fetch"])
            named.setdefault(key, []).append(arm["arm"])
    for (source, licence, trained_on, fetch), of_arms in named.items():
        terms = f"; licence: {licence}" if licence else ""
        echo(f"{', '.join(of_arms)}: weights of {source}{terms}; trained on {trained_on}")
        if fetch:
            echo(f"  not on this machine: run `{fetch}`")


def _print_start_differences(arms: list[dict[str, Any]]) -> None:
    """Print differences in preprocessing between pretraining and fine-tuning, once for arms with the same ones."""
    from hilum.report.verdict import describe_difference

    named: dict[str, list[str]] = {}
    for arm in arms:
        for each in arm["start_differences"]:
            used = "fine-tuned" if arm["finetuned"] else "scored"
            described = describe_difference(each["code"], each["pretrained"], each["finetuned"], used=used)
            named.setdefault(described, []).append(arm["arm"])
    for described, of_arms in named.items():
        echo(f"{', '.join(of_arms)}: {described}")


def _print_labelled(labelled: dict[str, Any] | None) -> None:
    """Print the number of labels that arms are trained on."""
    if labelled is None:
        return
    echo(f"\nLabels: {labelled['description']}")
    if len({(row["images"], *row["positives"].values()) for row in labelled["seeds"]}) > 1:
        rows = [
            [row["seed"], row["images"], row["patients"], ", ".join(f"{k} {v}" for k, v in row["positives"].items())]
            for row in labelled["seeds"]
        ]
        print_table(["seed", "images", "patients", "positive images"], rows)


def _print_finetuning(rows: list[dict[str, Any]]) -> None:
    """Print the length of fine-tuning of each arm, and settings filled by a preset, with reasons."""
    for row in rows:
        echo(
            f"\nFine-tuning of {', '.join(row['arms'])} on {counted(row['images'], 'labelled image')}: "
            f"{counted(row['steps'], 'step')} "
            f"in {row['epochs']:,} {'epoch' if row['epochs'] == 1 else 'epochs'}; defaults of preset {row['preset']}"
        )
        print_table(
            ["setting", "value", "from", "reason"],
            [[each["name"], _value(each["value"]), each["origin"], each["reason"]] for each in row["settings"]],
        )
        echo(f"Defaults: {', '.join(f'{name} {_value(value)}' for name, value in row['defaults'].items())}")
        if row.get("class_weights"):
            print_table(
                ["finding", "images", "class weight", "resampled", "weight of the loss"],
                [
                    [name, f"{each['images']:,}", f"{each['weight']:.3f}", f"{each['resampled']:,}",
                     f"{each['loss_weight']:.3f}"]
                    for name, each in row["class_weights"].items()
                ],
            )  # fmt: skip


def _print_presets(rows: list[dict[str, Any]]) -> None:
    """Print the pretraining settings filled by presets, with reasons; once for equal ones."""
    for row in rows:
        for name, images in row["counted_once"].items():
            echo(f"\n{row['title']}: duplicates in the pool, counted once: {counted(images)} of {name}")
    arms: dict[tuple[Any, ...], list[str]] = {}
    for row in rows:
        filled = tuple(
            (s["name"], _value(s["value"]), s["reason"]) for s in row["settings"] if s["origin"] not in ("", "given")
        )
        arms.setdefault((row["preset"], filled), []).extend(row["arms"])
    for (name, filled), named in arms.items():
        echo(f"\nPretraining of {', '.join(named)}, settings not given: {name}")
        print_table(["setting", "value", "reason"], filled)


def _value(value: object) -> str:
    return "-" if value is None else str(value)


def _print_data(row: dict[str, Any], split: str | None) -> None:
    images = counted(row["images"]) if row["images"] is not None else "images not counted yet"
    patients = f" of {counted(row['patients'], 'patient')}" if row["patients"] is not None else ""
    origin = "generated, " if row["generated"] else ""
    echo(f"{row['name']}  {images}{patients} ({origin}{row['collection']})")
    if row.get("pool") is not None:
        unlabelled = f"{row['unlabelled']:,} unlabelled; " if row["unlabelled"] else ""
        echo(f"  {unlabelled}{counted(row['pool'])} to pretrain on: no validation or test patients")
    _print_splits(row, split)
    _print_parts(row.get("parts") or [])
    echo()


def _print_power(power: dict[str, Any]) -> None:
    """Print the power of the test images, in a sentence and a row per finding."""
    from hilum.study.plan.power import describe_power

    assumed, findings = power["assumed"], power["rows"][1:] or power["rows"]  # no mean of a single finding
    echo(describe_power(power))
    columns = ("finding", "positives", "negatives", "patients", "positive_patients", "smallest_difference")
    titles = ["finding", "positive images", "negative images", "patients", "positive patients", "smallest difference"]
    print_table(titles, [[row[key] for key in columns] for row in findings])
    notes = {row["note"] for row in findings} - {""}
    for note in sorted(notes):
        echo(f"{', '.join(row['finding'] for row in findings if row['note'] == note)}: {note}.")
    echo(
        f"Paired, two-sided, {100 * assumed['significance']:.0f} % level, {100 * assumed['power']:.0f} % power, "
        f"one seed; AUROC of the weaker arm {assumed['auroc']:g}, "
        f"correlation of the arms {assumed['correlation']:g}. Others: hilum power."
    )
    echo()


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
