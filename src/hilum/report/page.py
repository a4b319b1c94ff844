"""Self-contained report page, with its tables and figures as files."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from markupsafe import Markup

from hilum.artifacts import write_text
from hilum.report.content import ReportContent
from hilum.report.figures import inline
from hilum.report.order import sections
from hilum.report.page_template import render_template
from hilum.report.render import FigureGroup, Scatter, Section, Table, formats, latex
from hilum.report.verdict.decide import Verdict, decide

PAGE = "report.html"
FILES: tuple[str, ...] = (PAGE, "tables", "figures")
"""Files and folders of a report."""


def write_report(content: ReportContent, directory: Path) -> Path:
    """Write `report.html`, `tables/*.csv`, `tables/*.tex` and `figures/*.svg`.

    The page is written last: an existing page is always complete. Outdated files of an earlier report are removed;
    other files are not touched.

    Args:
        content: Content of the report.
        directory: Output directory, created if missing.

    Returns:
        The path of `report.html`. The same content gives the same bytes.
    """
    contaminated = [arm.name for arm in content.arms if arm.trained_on_test_patients]
    return write_page(content, decide(content), sections(content), directory, contaminated=contaminated)


class Heading(Protocol):
    """Heading of a page."""

    @property
    def question(self) -> str:
        """Title of the page."""

    @property
    def scored_on(self) -> str:
        """Data that the numbers were computed on."""


def write_page(
    heading: Heading, verdict: Verdict | None, made: list[Section], directory: Path, *, contaminated: Sequence[str] = ()
) -> Path:
    """Write a page of given sections, as `write_report`.

    Args:
        heading: Heading of the page.
        verdict: Verdict at the top; None for none.
        made: Sections in order.
        directory: Output directory, created if missing.
        contaminated: Arms trained on test patients.
    """
    files = {**_tables(made), **_figures(made)}
    html = _render(heading, verdict, made, sorted(files), contaminated)
    page = directory / PAGE
    outdated = _files_of(page) - set(files)
    page.unlink(missing_ok=True)
    for name in sorted(outdated):
        (directory / name).unlink(missing_ok=True)
    for name, text in files.items():
        write_text(directory / name, text)
    write_text(page, html)
    return page


def _render(
    heading: Heading, verdict: Verdict | None, made: list[Section], files: list[str], contaminated: Sequence[str]
) -> str:
    """Return the page as HTML; `files` are the files beside it."""
    sheets = (block.sprite for section in made for block in section.blocks if isinstance(block, Scatter))
    return render_template(
        "report.html.j2",
        {"inline": lambda figure: Markup(inline(figure))},
        title=heading.question,
        scored_on=heading.scored_on,
        verdict=verdict,
        contaminated=list(contaminated),
        listing=formats.listing,
        sections=made,
        sprites=list(dict.fromkeys(sheet for sheet in sheets if sheet)),
        used={block.kind for section in made for block in section.blocks},
        files=files,
    )


def _tables(made: list[Section]) -> dict[str, str]:
    blocks = [block for section in made for block in section.blocks]
    shown = [block for block in blocks if isinstance(block, Table)]
    files = {f"tables/{table.name}.csv": table.data.write_csv() for table in shown}
    files |= {f"tables/{block.name}.csv": block.points.write_csv() for block in blocks if isinstance(block, Scatter)}
    return files | {f"tables/{table.name}.tex": latex.booktabs(table) for table in shown}


def _figures(made: list[Section]) -> dict[str, str]:
    blocks = [block for section in made for block in section.blocks]
    figures = [figure for block in blocks if isinstance(block, FigureGroup) for figure in block.figures]
    figures += [block.figure for block in blocks if isinstance(block, Scatter)]
    return {f"figures/{figure.name}.svg": figure.svg for figure in figures}


def _files_of(page: Path) -> set[str]:
    """Return the files that an existing page lists as its own."""
    if not page.exists():
        return set()
    listed = re.search(r'<meta name="hilum-files" content="([^"]*)">', page.read_text(encoding="utf-8"))
    names = listed[1].split() if listed else []
    return {name for name in names if re.fullmatch(r"(tables|figures)/[a-z0-9_]+\.(csv|tex|svg)", name)}
