"""Blocks of a page: sections of tables, figures and text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import polars as pl


@dataclass(frozen=True)
class Column:
    """Column of a table.

    Args:
        title: Header.
        numeric: Whether cells are aligned right, with tabular figures.
    """

    title: str
    numeric: bool = False


@dataclass(frozen=True)
class Cell:
    """Cell of a table.

    Args:
        text: Text of the cell.
        order: Sort key; None sorts last. Default: the text.
        mark: "better" or "worse" where adjusted p < 0.05, "warning" for contamination,
            "faint" where there is no number.
    """

    text: str
    order: float | str | None = ""
    mark: Literal["", "better", "worse", "warning", "faint"] = ""

    @property
    def key(self) -> str:
        """Sort key as text."""
        return self.text if self.order == "" else "" if self.order is None else str(self.order)


@dataclass(frozen=True)
class Table:
    """Table on the page, in LaTeX, and as data.

    Args:
        name: Stem of its file names.
        caption: Caption; states the split of the numbers.
        columns: Columns of the table.
        rows: Rows, as wide as `columns`.
        data: Content of the CSV file: the same numbers at full precision.
        notes: Notes below the table, one sentence each.
    """

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    data: pl.DataFrame
    notes: Sequence[str] = ()
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Figure:
    """Figure on the page and as a file.

    Args:
        name: Stem of its file name.
        description: Text alternative for screen readers.
        svg: SVG document.
        width: Natural width, CSS px.
    """

    name: str
    description: str
    svg: str
    width: int


@dataclass(frozen=True)
class FigureGroup:
    """Figures side by side under one caption.

    Args:
        caption: Caption.
        figures: Figures in reading order.
        folded: Title of the fold that hides them; empty: not folded.
    """

    caption: str
    figures: Sequence[Figure]
    folded: str = ""
    kind: ClassVar[str] = "figures"


@dataclass(frozen=True)
class Prose:
    """Paragraphs, or items of a list if `as_list`."""

    paragraphs: Sequence[str]
    as_list: bool = False
    kind: ClassVar[str] = "prose"


@dataclass(frozen=True)
class Terms:
    """Pairs of a term and its definition."""

    pairs: Sequence[tuple[str, str]]
    kind: ClassVar[str] = "terms"


@dataclass(frozen=True)
class Links:
    """Links to other pages: relative address, name and description of each."""

    pages: Sequence[tuple[str, str, str]]
    kind: ClassVar[str] = "links"


@dataclass(frozen=True)
class Listing:
    """Verbatim text of a file."""

    text: str
    kind: ClassVar[str] = "listing"


@dataclass(frozen=True)
class Scatter:
    """Interactive scatter plot of images; the image under the pointer is shown.

    Args:
        name: Stem of its file names.
        caption: Caption.
        data: JSON for `scatter.js`, see `hilum.report.sections.embedding`.
        sprite: All thumbnails in one image, as a data URL; empty for none. Equal ones are on the page only once.
        classes: Name and colour of each class.
        figure: The plot as a file.
        points: Content of the CSV file: all images, including those that are not drawn.
    """

    name: str
    caption: str
    data: str
    sprite: str
    classes: Sequence[tuple[str, str]]
    figure: Figure
    points: pl.DataFrame
    kind: ClassVar[str] = "scatter"


@dataclass(frozen=True)
class Browser:
    """Browser of single images with scores, heat maps and boxes.

    Args:
        caption: Caption with the number of images shown and omitted.
        data: JSON for `cases.js`, see `hilum.report.sections.images`.
        findings: Findings to select from.
        arms: Arms to select from.
        has_heat, has_boxes: Whether any image has a heat map, a box.
        rules: Selection rules of the side-by-side gallery with their descriptions; may be empty.
    """

    caption: str
    data: str
    findings: Sequence[str]
    arms: Sequence[str]
    has_heat: bool
    has_boxes: bool
    rules: Sequence[tuple[str, str]] = ()
    kind: ClassVar[str] = "browser"


Block = Table | FigureGroup | Prose | Terms | Links | Listing | Scatter | Browser


@dataclass(frozen=True)
class Section:
    """Section of the page.

    Args:
        anchor: Anchor of the address `report.html#anchor`; unique.
        title: Heading and entry of the table of contents.
        blocks: Blocks in reading order.
        folded: Whether the section is collapsed at first.
    """

    anchor: str
    title: str
    blocks: Sequence[Block]
    folded: bool = False

    @property
    def gathered(self) -> list[str]:
        """Notes shared by several tables, which are shown once after the last of them."""
        notes = [note for block in self.blocks if isinstance(block, Table) for note in dict.fromkeys(block.notes)]
        return [note for note in dict.fromkeys(notes) if notes.count(note) > 1]
