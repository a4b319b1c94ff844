"""One page that needs nothing beside it, and the same numbers as files."""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import hilum
from hilum.artifacts import write_text
from hilum.report.content import ReportContent
from hilum.report.figures import inline
from hilum.report.order import sections
from hilum.report.render import FigureGroup, Scatter, Section, Table, formats, latex
from hilum.report.verdict.decide import decide

PAGE = "report.html"


def write_report(content: ReportContent, directory: Path) -> Path:
    """Write `report.html`, `tables/*.csv`, `tables/*.tex` and `figures/*.svg`.

    Everything is made before anything is written, and the page is written last: where it lies, all of it lies.
    Files of an earlier report that this one does not have are removed; other files are left alone.

    Args:
        content: what to report.
        directory: made where it does not exist.

    Returns:
        The path of `report.html`. The same content gives the same bytes.
    """
    made = sections(content)
    files = {**_tables(made), **_figures(made)}
    return _write(directory, files, render(content, made, sorted(files)))


def write_sections(title: str, scored_on: str, made: list[Section], directory: Path) -> Path:
    """Write a page of sections alone, without a verdict, and its tables and figures beside it.

    Args:
        title: heading of the page.
        scored_on: below it: what the numbers were computed on.
        made: the sections.
        directory: made where it does not exist.

    Returns:
        As `write_report`.
    """
    files = {**_tables(made), **_figures(made)}
    return _write(directory, files, _html(title, scored_on, made, sorted(files)))


def _write(directory: Path, files: dict[str, str], html: str) -> Path:
    page = directory / PAGE
    outdated = _files_of(page) - set(files)
    page.unlink(missing_ok=True)
    for name in sorted(outdated):
        (directory / name).unlink(missing_ok=True)
    for name, text in files.items():
        write_text(directory / name, text)
    write_text(page, html)
    return page


def render(content: ReportContent, made: list[Section], files: list[str]) -> str:
    """The page as HTML; `files` are what lies beside it."""
    contaminated = [arm.name for arm in content.arms if arm.has_seen_test_patients]
    said = {"verdict": decide(content), "contaminated": contaminated, "content": content}
    return _html(content.question, content.scored_on, made, files, **said)


def _html(title: str, scored_on: str, made: list[Section], files: list[str], **said: Any) -> str:
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
        **{"verdict": None, "contaminated": [], "content": None, **said},
        title=title,
        scored_on=scored_on,
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
    said = re.search(r'<meta name="hilum-files" content="([^"]*)">', page.read_text(encoding="utf-8"))
    names = said[1].split() if said else []
    return {name for name in names if re.fullmatch(r"(tables|figures)/[a-z0-9_]+\.(csv|tex|svg)", name)}
