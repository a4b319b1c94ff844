"""One page that needs nothing beside it, and the same numbers as files."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import hilum
from hilum.artifacts import write_text
from hilum.report.content import ReportContent
from hilum.report.figures import inline
from hilum.report.order import sections
from hilum.report.render import FigureGroup, Scatter, Section, Table, formats, latex
from hilum.report.verdict.decide import Verdict, decide

PAGE = "report.html"


def write_report(content: ReportContent, directory: Path) -> Path:
    """Write `report.html`, `tables/*.csv`, `tables/*.tex` and `figures/*.svg`.

    Everything is made before anything is written, and the page is written last: where there is a page, it is complete.
    Files of an earlier report that this one does not have are removed; other files are left alone.

    Args:
        content: what to report.
        directory: made where it does not exist.

    Returns:
        The path of `report.html`. The same content gives the same bytes.
    """
    contaminated = [arm.name for arm in content.arms if arm.trained_on_test_patients]
    return write_page(content, decide(content), sections(content), directory, contaminated=contaminated)


class Heading(Protocol):
    """What stands on top of a page."""

    @property
    def question(self) -> str:
        """Its title."""

    @property
    def scored_on(self) -> str:
        """What its numbers were computed on."""


def write_page(
    heading: Heading, verdict: Verdict | None, made: list[Section], directory: Path, *, contaminated: Sequence[str] = ()
) -> Path:
    """As `write_report`, of sections that were made already.

    Args:
        heading: of the page.
        verdict: what it says first; None where it says nothing of its own.
        made: its sections, in order.
        directory: made where it does not exist.
        contaminated: arms that were trained on test patients.
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
    """The page as HTML; `files` are those beside it."""
    room = Environment(
        loader=PackageLoader("hilum.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    room.filters["inline"] = lambda figure: Markup(inline(figure))
    room.filters["unbroken"] = formats.unbroken
    template = room.get_template("report.html.j2")
    sheets = (block.sprite for section in made for block in section.blocks if isinstance(block, Scatter))
    return template.render(
        title=heading.question,
        scored_on=heading.scored_on,
        verdict=verdict,
        contaminated=list(contaminated),
        listing=formats.listing,
        sections=made,
        sprites=list(dict.fromkeys(sheet for sheet in sheets if sheet)),
        used={block.kind for section in made for block in section.blocks},
        files=files,
        version=hilum.__version__,
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
    """The files that the report at `page` says it has, if there is one."""
    if not page.exists():
        return set()
    listed = re.search(r'<meta name="hilum-files" content="([^"]*)">', page.read_text(encoding="utf-8"))
    names = listed[1].split() if listed else []
    return {name for name in names if re.fullmatch(r"(tables|figures)/[a-z0-9_]+\.(csv|tex|svg)", name)}
