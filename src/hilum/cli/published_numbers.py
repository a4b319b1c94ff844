"""A study and the paper that it repeats: whose rules it follows, and its plan's numbers beside the paper's."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli.console import echo, print_table

if TYPE_CHECKING:
    from hilum.study.plan import Plan
    from hilum.study.published_counts import ComparedNumber


class Protocol(StrEnum):
    """Whose rules a study of a paper follows."""

    HILUM = "hilum"
    PUBLISHED = "published"


ProtocolOption = Annotated[
    Protocol | None,
    typer.Option(help="`published`: the paper's own rules, as the study file lists them under `published`."),
]


def published_rows(plan: "Plan") -> list[dict[str, Any]] | None:
    """The compared numbers as JSON data; None where the study repeats no paper, or the tables are not at hand."""
    from dataclasses import asdict

    numbers = _numbers(plan)
    return None if numbers is None else [asdict(number) for number in numbers]


def print_published(plan: "Plan") -> None:
    """Print what the paper of a study reports beside what its tables count."""
    from hilum.study.published_counts import published_of

    published = published_of(plan.study)
    if published is None:
        return
    echo(f"\nBeside the paper: {published.citation}")
    numbers = _numbers(plan)
    if numbers is None:
        echo("Its numbers are counted from the tables; give their folders with --data NAME=ROOT.")
        return
    if not numbers:
        echo("None of its counts is of this study's data sets and tasks.")
        return
    if plan.counted is not None:
        echo(f"Counted of {', '.join(plan.counted.study.data)}; give the other data sets for the other numbers.")
    by_title: dict[tuple[str, str], list[ComparedNumber]] = {}
    for number in numbers:
        by_title.setdefault((number.title, number.split), []).append(number)
    single = [group[0] for group in by_title.values() if len(group) == 1]
    if single:
        rows = [
            [_what(number), _text(number, number.here), _text(number, number.paper), number.state, number.source]
            for number in single
        ]
        print_table(["number", "here", "paper", "", "source"], rows)
    for group in _alike([group for group in by_title.values() if len(group) > 1]):
        echo()
        _print_group(group)
    equal = sum(number.state == "equal" for number in numbers)
    echo(f"\n{equal} of {len(numbers)} numbers are the paper's")
    for whose, note in _notes(numbers):
        echo(f"  {whose}: {note}")


def _numbers(plan: "Plan") -> "list[ComparedNumber] | None":
    from hilum.study.published_counts import compare_with_published, published_of

    study = plan.study
    views = [each.prepared for each in (plan.tasks.values() or [plan]) if each.prepared is not None]
    if not views and plan.counted is not None:
        study, views = plan.counted.study, list(plan.counted.views.values())
    return compare_with_published(study, views) if views and published_of(study) else None


def _notes(numbers: "Sequence[ComparedNumber]") -> list[tuple[str, str]]:
    """Each note once, with the number that it is about, or with all that share a title."""
    of_note: dict[tuple[str, str, str], list[ComparedNumber]] = {}
    for number in numbers:
        if number.note:
            of_note.setdefault((number.title, number.split, number.note), []).append(number)
    whose: dict[str, list[str]] = {}
    for (title, split, note), about in of_note.items():
        part = "" if split == "all" else f", {split}"
        whose.setdefault(note, []).append(_what(about[0]) if len(about) == 1 else f"{title}{part}")
    return [("; ".join(titles), note) for note, titles in whose.items()]


def _alike(groups: "Sequence[list[ComparedNumber]]") -> "list[list[list[ComparedNumber]]]":
    """Groups with the same subjects side by side."""
    tables: dict[tuple[str, ...], list[list[ComparedNumber]]] = {}
    for group in groups:
        tables.setdefault(tuple(number.subject for number in group), []).append(group)
    return list(tables.values())


def _print_group(groups: "list[list[ComparedNumber]]") -> None:
    """One table: a row a subject, a column a group; "=" beside what is the paper's number, else the paper's."""
    for group in groups:
        part = "" if group[0].split == "all" else f", {group[0].split}"
        echo(f"{group[0].title}{part} ({group[0].source})")
    heads = ["", *(_head(group[0]) for group in groups)]
    rows = [
        [line[0].subject, *(_beside(number) for number in line)]
        for line in zip(*groups, strict=True)
    ]  # fmt: skip
    print_table(heads, rows)
    echo("= is the paper's number")


def _head(number: "ComparedNumber") -> str:
    return number.title if number.split == "all" else number.split


def _beside(number: "ComparedNumber") -> str:
    if number.here is None:
        return f"– (paper {_text(number, number.paper)})"
    text = _text(number, number.here)
    return f"{text} =" if number.state == "equal" else f"{text} (paper {_text(number, number.paper)})"


def _what(number: "ComparedNumber") -> str:
    parts = [number.title, number.subject, "" if number.split == "all" else number.split]
    return ", ".join(part for part in parts if part)


def _text(number: "ComparedNumber", value: float | None) -> str:
    return "–" if value is None else f"{value:,.{number.decimals}f}"
