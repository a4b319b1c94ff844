"""A layout as a section of a study's report, or as a page of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import polars as pl

from hilum.report.content import ReportContent
from hilum.report.figures import style
from hilum.report.layouts.config import Layout, read_layout
from hilum.report.layouts.figures import layout_figure
from hilum.report.layouts.results import StudyResults, read_results
from hilum.report.layouts.tables import layout_table
from hilum.report.page import write_page
from hilum.report.published import Published
from hilum.report.render import Block, Prose, Section, formats
from hilum.report.tasks import OverviewContent

Content = TypeVar("Content", ReportContent, OverviewContent)

ANCHOR = "published"
_GENERATED = (
    "The images are synthetic, the encoders small and the epochs few: differences from the paper are not meaningful."
)
DIRECTORY = "published"
"""Folder of a layout's page in the folder of a study."""


def layout_sections(
    name: str | Path, directory: Path, counts: Mapping[str, pl.DataFrame] | None = None
) -> list[Section]:
    """Fill a layout with the results of a study.

    Args:
        name: One of `LAYOUTS`, or the path of a layout file.
        directory: Directory of a finished study.
        counts: Images and positives by task, as in `read_results`.

    Returns:
        One section with the paper's tables and figures, with the reason for each missing number.

    Raises:
        HilumError: No such layout, an invalid one, or no finished study.
    """
    layout, published = read_layout(name)
    return [_section(layout, published, read_results(directory, counts))]


def with_layout(content: Content, name: str | None, directory: Path) -> Content:
    """Add the tables and figures of a layout to the content of a report.

    Args:
        content: Content of the report of one task or over all tasks.
        name: Layout as in `layout_sections`; None adds nothing.
        directory: Directory of the study. The page over all tasks needs the pages of the tasks.
    """
    if name is None:
        return content
    if isinstance(content, OverviewContent):
        return replace(content, layout_sections=layout_sections(name, directory))
    labelled = [data for data in content.data if data.split_title]
    counts = {"task": labelled[0].counts} if labelled else None
    return replace(content, layout_sections=layout_sections(name, directory, counts))


def write_layout(name: str | Path, directory: Path, out: Path | None = None) -> Path:
    """Write a layout as a page, with its tables (CSV, LaTeX) and figures (SVG) beside it.

    Args:
        name, directory: As in `layout_sections`.
        out: Folder of the page; default: `published` in the study's folder.

    Returns:
        The path of the page.
    """
    sections = layout_sections(name, directory)
    heading = _Heading(sections[0].title, directory.resolve().name)
    return write_page(heading, None, sections, out or directory / DIRECTORY)


@dataclass(frozen=True)
class _Heading:
    question: str
    scored_on: str


def _networks(results: StudyResults) -> list[str]:
    """List the networks of the arms: a reduced study may use other networks than the paper under the same names."""
    arms = {arm: task for task in results.tasks.values() for arm in task.arms}
    groups: dict[str, list[str]] = {}
    for arm, task in arms.items():
        about = task.summary(arm)
        start = "" if about.is_pretrained else " from random weights"
        groups.setdefault(f"{about.encoder}{start}", []).append(arm)
    named = [f"{network} ({formats.describe_arms(of, len(arms))})" for network, of in groups.items()]
    return [f"Networks of this study: {formats.listing(named)}."] if named else []


def _section(layout: Layout, published: Published | None, results: StudyResults) -> Section:
    intro = [f"Paper: {published.citation}"] if published else []
    intro += ["“difference” is this study's number minus the paper's."] if published else []
    intro += _networks(results)
    intro += [_GENERATED] if published and results.generated else []
    blocks: list[Block] = [Prose([*intro, *layout.notes])] if intro or layout.notes else []
    with style():
        for table in layout.tables:
            filled = layout_table(layout, table, results, published)
            blocks.append(filled if filled else Prose([f"{table.title} Not run: this study has none of its rows."]))
        for figure in layout.figures:
            blocks += layout_figure(figure, results)
    return Section(ANCHOR, layout.title, blocks)
