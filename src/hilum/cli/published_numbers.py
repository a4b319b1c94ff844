"""Comparison of a study's plan with the numbers of the paper that it reproduces."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli.console import echo, print_table

if TYPE_CHECKING:
    from hilum.study.plan import Plan
    from hilum.study.published_counts import ComparedNumber


class Protocol(StrEnum):
    """Protocol of a study that reproduces a paper: Hilum's rules, or the paper's."""

    HILUM = "hilum"
    PUBLISHED = "published"


ProtocolOption = Annotated[
    Protocol | None,
    typer.Option(
        help="Protocol of a study that reproduces a paper: `hilum` (default), or `published` (the paper's own rules, "
        "as listed in the study file under `published`)."
    ),
]


def published_rows(plan: "Plan") -> list[dict[str, Any]] | None:
    """Return the compared numbers as JSON data; None if the study reproduces no paper, or its tables are missing."""
    from dataclasses import asdict

    numbers = _numbers(plan)
    return None if numbers is None else [asdict(number) for number in numbers]


def print_published(plan: "Plan") -> None:
    """Print the counts reported in the paper of a study beside those of its tables."""
    from hilum.study.published_counts import published_of

    published = published_of(plan.study)
    if published is None:
        return
    echo(f"\nComparison with the paper: {published.citation}")
    numbers = _numbers(plan)
    if numbers is None:
        folders = " ".join(f"--data {name}=FOLDER" for name in plan.study.data_in_folders)
        echo(
            f"The counts need the tables of the data sets: add {folders}."
            if folders
            else "The images are generated: there are no counts to compare."
        )
        return
    if not numbers:
        echo("The paper reports no counts for the data sets and tasks of this study.")
        return
    if plan.counted is not None:
        echo(f"Counts of {', '.join(plan.counted.study.data)}; add --data for the other data sets.")
    by_title: dict[tuple[str, str], list[ComparedNumber]] = {}
    for number in numbers:
        by_title.setdefault((number.title, number.split), []).append(number)
    single = [group[0] for group in by_title.values() if len(group) == 1]
    if single:
        rows = [
            [_label(number), _text(number, number.here), _text(number, number.paper), number.state, number.source]
            for number in single
        ]
        print_table(["number", "here", "paper", "", "source"], rows)
    for group in _with_equal_subjects([group for group in by_title.values() if len(group) > 1]):
        echo()
        _print_group(group)
    equal = sum(number.state == "equal" for number in numbers)
    echo(f"\n{equal} of {len(numbers)} numbers equal those of the paper")
    for titles, note in _notes(numbers):
        echo(f"  {titles}: {note}")


def _numbers(plan: "Plan") -> "list[ComparedNumber] | None":
    from hilum.study.published_counts import compare_with_published, published_of

    study = plan.study
    views = [each.prepared for each in (plan.tasks.values() or [plan]) if each.prepared is not None]
    if not views and plan.counted is not None:
        study, views = plan.counted.study, list(plan.counted.views.values())
    return compare_with_published(study, views) if views and published_of(study) else None


def _notes(numbers: "Sequence[ComparedNumber]") -> list[tuple[str, str]]:
    """Return each note once, with the titles of its numbers."""
    by_note: dict[tuple[str, str, str], list[ComparedNumber]] = {}
    for number in numbers:
        if number.note:
            by_note.setdefault((number.title, number.split, number.note), []).append(number)
    titles_of: dict[str, list[str]] = {}
    for (title, split, note), group in by_note.items():
        part = "" if split == "all" else f", {split}"
        titles_of.setdefault(note, []).append(_label(group[0]) if len(group) == 1 else f"{title}{part}")
    return [("; ".join(titles), note) for note, titles in titles_of.items()]


def _with_equal_subjects(groups: "Sequence[list[ComparedNumber]]") -> "list[list[list[ComparedNumber]]]":
    """Group the groups that have the same subjects, to print them in one table."""
    tables: dict[tuple[str, ...], list[list[ComparedNumber]]] = {}
    for group in groups:
        tables.setdefault(tuple(number.subject for number in group), []).append(group)
    return list(tables.values())


def _print_group(groups: "list[list[ComparedNumber]]") -> None:
    """Print a table with a row per subject and a column per group; "=" marks numbers equal to the paper's."""
    for group in groups:
        part = "" if group[0].split == "all" else f", {group[0].split}"
        echo(f"{group[0].title}{part} ({group[0].source})")
    heads = ["", *(_head(group[0]) for group in groups)]
    rows = [
        [line[0].subject, *(_beside(number) for number in line)]
        for line in zip(*groups, strict=True)
    ]  # fmt: skip
    print_table(heads, rows)
    echo("=: equal to the paper")


def _head(number: "ComparedNumber") -> str:
    return number.title if number.split == "all" else number.split


def _beside(number: "ComparedNumber") -> str:
    if number.here is None:
        return f"– (paper {_text(number, number.paper)})"
    text = _text(number, number.here)
    return f"{text} =" if number.state == "equal" else f"{text} (paper {_text(number, number.paper)})"


def _label(number: "ComparedNumber") -> str:
    parts = [number.title, number.subject, "" if number.split == "all" else number.split]
    return ", ".join(part for part in parts if part)


def _text(number: "ComparedNumber", value: float | None) -> str:
    return "–" if value is None else f"{value:,.{number.decimals}f}"
