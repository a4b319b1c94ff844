"""The data of a plan, for `hilum study plan`: images, parts, and what the test images can show."""

from typing import Any

from hilum.cli.console import say, say_table


def say_data_set(row: dict[str, object], split: str | None) -> None:
    """Print the images of a data set, its pool and its parts."""
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


def say_power(power: dict[str, Any]) -> None:
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


def say_labelled(labelled: dict[str, Any] | None) -> None:
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
