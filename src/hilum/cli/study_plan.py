"""What `hilum study plan` prints."""

from typing import TYPE_CHECKING, Any

from hilum.cli.console import echo, print_table

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
        echo("Before them `hilum study run` tries every step in miniature, a minute or two; --no-check leaves that out")
    _print_kinds(content["seconds_by_kind"])
    _print_rates(content["rates"])
    if (disk := content["disk"]) is not None and disk["needed"]:
        scarce = "; that is too little" if disk["needed"] > disk["free"] else ""
        echo(f"Disk: about {_size(disk['needed'])}, {_size(disk['free'])} are free{scarce}")
    _print_fetching(content)
    if content["warnings"]:
        echo("\nDoubtful:")
        for each in content["warnings"]:
            echo(f"  {each['data']}: {each['text']}")
    if content["refused"]:
        echo("\n`hilum study run` refuses this study:")
        for problem in content["refused"]:
            echo(f"  {problem}")
    counted = [task["images"] for task in content.get("tasks", [content])]
    if None in counted:
        missing = [row["name"] for row in content["data"] if not row["generated"]]
        by_hand = " ".join(f"--data {name}=ROOT" for name in missing)
        fetch = "run `hilum study fetch`, or " if content.get("fetching") else ""
        echo(f"Counts, split and time need the tables: {fetch}add {by_hand}")


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def _print_fetching(content: dict[str, Any]) -> None:
    """What a run fetches first, and the room for it."""
    rows = content.get("fetching", [])
    for row in rows:
        size = "size not known" if row["bytes"] is None else _size(row["bytes"])
        state = f"here, in {row['place']}" if row["here"] else f"to be fetched first ({size})"
        state = state if row["there"] else "no such file: fix the url, or name a folder with --data"
        echo(f"{row['title']}: {row['url']}, {state}")
    if not all(row["here"] for row in rows):
        echo(f"Free disk for what is fetched: {_size(content['free_disk'])}")


_LONG = 3600.0
"""Seconds from which on a plan says what would shorten it."""
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
    """Where the time of a long study goes, and what would shorten it."""
    if sum(row["seconds"] for row in rows) < _LONG:
        return
    parts = [f"{row['kind']} {_duration(row['seconds'])} ({row['steps']} steps)" for row in rows[:3]]
    echo(f"Most of it: {', '.join(parts)}")
    if shorter := _SHORTER.get(rows[0]["kind"]):
        echo(f"Shorter: {shorter}; `--scale tiny` tries everything in minutes. Results are then others")


def _print_parts(parts: list[dict[str, Any]]) -> None:
    """What each data set of a pool gives to the task."""
    for row in parts:
        counts = row["positives"].items()
        described = ", ".join(f"{name} {'not labelled' if n is None else format(n, ',')}" for name, n in counts)
        echo(f"  {row['data']}, {row['split']}: {row['images']:,} images; positive: {described}")


def _print_rates(rates: dict[str, Any] | None) -> None:
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
        echo(
            f"{encoder}: {rate['gigaflops']:,.0f} GFLOP/s, give or take {rate['spread']:.0%}: "
            f"{sources[rate['source']]} ({rates['device']})"
        )


def _print_arms(content: dict[str, Any]) -> None:
    """Arms of one task, and what they are trained with."""
    if content["power"] is not None:
        _print_power(content["power"])
    rows = [
        [a["arm"], a["encoder"], a["starts_from"], _trainable(a), a["trained_on_test_patients"]]
        for a in content["arms"]
    ]
    print_table(["arm", "encoder", "starts from", "trainable", "was trained on test patients"], rows)
    _print_weights(content["arms"])
    _print_start_differences(content["arms"])
    if (judged := content["judged"]) is not None and judged["unit"] == "study":
        score = "mean" if judged["score"] == "mean" else "highest"
        echo(
            f"Judged by study: {judged['test_units']:,} studies of {judged['test_images']:,} test images, by the "
            f"{score} score of each"
        )
    if lost := content["without_features"]:
        counts = ", ".join(f"{part} {count:,}" for part, count in lost.items())
        echo(f"Images without features, left out for all arms: {counts}")
    _print_labelled(content["labelled"])
    _print_finetuning(content["finetuning"])
    for row in content["sweeps"]:
        echo(f"\nSweep of {row['arm']}: {row['in_words'] if row['refused'] is None else 'refused, see below'}")


def _print_task(task: dict[str, Any]) -> None:
    """One task among several, with its own images and arms."""
    described = task["task"]
    echo(f"\nTask {task['name']}: {', '.join(described['findings'])} on {described['on']}")
    if task["test_on"]:
        echo("  tested on " + ", ".join(f"{name}, too ({count:,} images)" for name, count in task["test_on"].items()))
    data = task["data"]
    if isinstance(data.get("splits"), dict):
        echo(
            f"  {' · '.join(f'{part} {count:,}' for part, count in data['splits'].items())}    split "
            f"{described['split']}"
        )
        for finding, by_split in data["positives"].items():
            echo(f"  {finding}: {' · '.join(f'{part} {count:,}' for part, count in by_split.items())}")
        _print_parts(data.get("parts", []))
    _print_arms(task)


def _print_tasks_and_arms(tasks: list[dict[str, Any]]) -> None:
    """Which arm is trained on which task, with how many labelled images."""
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
    """Where weights come from, on what terms, and what they were trained on, once for arms that start from the same
    ones; nothing for what the study makes itself.
    """
    named: dict[tuple[Any, ...], list[str]] = {}
    for arm in arms:
        weights = arm["weights"]
        if weights["source"]:
            key = (weights["source"], weights["licence"], weights["trained_on"], weights["here"])
            named.setdefault(key, []).append(arm["arm"])
    for (source, licence, trained_on, here), of_arms in named.items():
        terms = f", {licence}" if licence else ""
        echo(f"{', '.join(of_arms)}: weights of {source}{terms}; they were trained on {trained_on}")
        if not here:
            echo("  not on this machine: `hilum weights fetch` gets them, or says which file to put where")


def _print_start_differences(arms: list[dict[str, Any]]) -> None:
    """Arms whose encoders have learnt from images that were made otherwise, once for those that differ alike."""
    from hilum.report.verdict import difference_in_words

    named: dict[str, list[str]] = {}
    for arm in arms:
        for each in arm["start_differences"]:
            described = difference_in_words(each["code"], each["pretrained"], each["finetuned"])
            named.setdefault(described, []).append(arm["arm"])
    for described, of_arms in named.items():
        echo(f"{', '.join(of_arms)}: {described}")


def _print_labelled(labelled: dict[str, Any] | None) -> None:
    """How many labels are learnt from."""
    if labelled is None:
        return
    echo(f"\nLabels: {labelled['in_words']}")
    if len({(row["images"], *row["positives"].values()) for row in labelled["seeds"]}) > 1:
        rows = [
            [row["seed"], row["images"], row["patients"], ", ".join(f"{k} {v}" for k, v in row["positives"].items())]
            for row in labelled["seeds"]
        ]
        print_table(["seed", "images", "patients", "positive images"], rows)


def _print_finetuning(rows: list[dict[str, Any]]) -> None:
    """How long each arm trains with labels, and what a preset fills in, with reasons."""
    for row in rows:
        echo(
            f"\nFine-tuning of {', '.join(row['arms'])} on {row['images']:,} labelled images: {row['steps']:,} steps "
            f"in {row['epochs']:,} epochs; what the study leaves out is of preset {row['preset']}"
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
    """What presets fill in, with reasons; once for pretrainings that leave the same to them."""
    for row in rows:
        for name, images in row["counted_once"].items():
            echo(f"\n{row['title']}: {images:,} images of {name} equal others that it learns from: counted once")
    arms: dict[tuple[Any, ...], list[str]] = {}
    for row in rows:
        filled = tuple((s["name"], _value(s["value"]), s["reason"]) for s in row["settings"] if "preset" in s["origin"])
        arms.setdefault((row["preset"], filled), []).extend(row["arms"])
    for (preset, filled), named in arms.items():
        echo(f"\nPretraining of {', '.join(named)}, what the study leaves out: {preset}")
        print_table(["setting", "value", "reason"], filled)


def _value(value: object) -> str:
    return "-" if value is None else str(value)


def _print_data(row: dict[str, object], split: str | None) -> None:
    images = f"{row['images']:,} images" if row["images"] is not None else "images not counted yet"
    patients = f" of {row['patients']:,} patients" if row["patients"] is not None else ""
    origin = "generated, " if row["generated"] else ""
    echo(f"{row['name']}  {images}{patients} ({origin}{row['collection']})")
    if row.get("pool") is not None:
        unlabelled = f"{row['unlabelled']:,} unlabelled; " if row["unlabelled"] else ""
        echo(f"  {unlabelled}{row['pool']:,} images to pretrain on: of patients who neither validate nor test")
    splits, positives = row.get("splits"), row.get("positives")
    if isinstance(splits, dict) and isinstance(positives, dict):
        echo(f"  {' · '.join(f'{part} {count:,}' for part, count in splits.items())}    split {split}")
        for finding, by_split in positives.items():
            echo(f"  {finding}: {' · '.join(f'{part} {count:,}' for part, count in by_split.items())}")
    if isinstance(parts := row.get("parts"), list):
        _print_parts(parts)
    echo()


def _print_power(power: dict[str, Any]) -> None:
    """What the test images can show, in a sentence and a line a finding."""
    from hilum.study.plan.power import describe_power

    assumed, findings = power["assumed"], power["rows"][1:] or power["rows"]  # of one finding there is no mean
    echo(describe_power(power))
    columns = ("finding", "positives", "negatives", "patients", "positive_patients", "smallest_difference")
    titles = ["finding", "positive images", "negative images", "patients", "positive patients", "smallest difference"]
    print_table(titles, [[row[key] for key in columns] for row in findings])
    notes = {row["note"] for row in findings} - {""}
    for note in sorted(notes):
        echo(f"{', '.join(row['finding'] for row in findings if row['note'] == note)}: {note}.")
    echo(
        f"Paired, two-sided, {assumed['significance']:.0%} level, {assumed['power']:.0%} power, one seed; AUROC of the "
        f"weaker arm {assumed['auroc']:g}, correlation of the arms {assumed['correlation']:g}. Others: hilum power."
    )
    echo()


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
