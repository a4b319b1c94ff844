"""What a page is built of: sections of tables, figures and text. A new kind of result is a new section."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import polars as pl


@dataclass(frozen=True)
class Column:
    """One column of a shown table.

    Args:
        title: the header.
        numeric: aligned right, with tabular figures.
    """

    title: str
    numeric: bool = False


@dataclass(frozen=True)
class Cell:
    """One cell as it is read.

    Args:
        text: what is shown.
        order: what the column sorts by; None sorts last. Defaults to the text.
        mark: "better" or "worse" where adjusted p < 0.05, "warning" for contamination,
            "faint" where there is no number.
    """

    text: str
    order: float | str | None = ""
    mark: Literal["", "better", "worse", "warning", "faint"] = ""

    @property
    def key(self) -> str:
        """What the page sorts by, as text."""
        return self.text if self.order == "" else "" if self.order is None else str(self.order)


@dataclass(frozen=True)
class Table:
    """A table on the page, in LaTeX, and as data.

    Args:
        name: stem of its files.
        caption: what it shows; states the split that its numbers were computed on.
        columns: of the shown table.
        rows: as wide as `columns`.
        data: what the CSV holds: the same numbers at full precision.
        notes: below the table, one sentence each.
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
    """A figure, on the page and as a file.

    Args:
        name: stem of its file.
        description: what a screen reader says.
        svg: a whole SVG document.
        width: natural width, CSS px.
    """

    name: str
    description: str
    svg: str
    width: int


@dataclass(frozen=True)
class FigureGroup:
    """Figures that are read side by side, under one caption.

    Args:
        caption: what they show.
        figures: in reading order.
        folded: what a reader opens to see them; empty where they are seen at once.
    """

    caption: str
    figures: Sequence[Figure]
    folded: str = ""
    kind: ClassVar[str] = "figures"


@dataclass(frozen=True)
class Prose:
    """Paragraphs, or items of a list."""

    paragraphs: Sequence[str]
    as_list: bool = False
    kind: ClassVar[str] = "prose"


@dataclass(frozen=True)
class Terms:
    """Pairs of a term and what it means."""

    pairs: Sequence[tuple[str, str]]
    kind: ClassVar[str] = "terms"


@dataclass(frozen=True)
class Links:
    """Other pages: of each where it is, relative to this one, its name, and a sentence on it."""

    pages: Sequence[tuple[str, str, str]]
    kind: ClassVar[str] = "links"


@dataclass(frozen=True)
class Listing:
    """Text shown letter by letter: a file."""

    text: str
    kind: ClassVar[str] = "listing"


@dataclass(frozen=True)
class Scatter:
    """Images as points; the one under the mouse is shown.

    Args:
        name: stem of its files.
        caption: what it shows.
        data: what the page draws, for `scatter.js`: see `hilum.report.sections.embedding`.
        sprite: all thumbnails in one image, as a data address; empty where there are none. Images of the same
            images have the same one, which stands on the page once.
        classes: name and colour of each class of points.
        figure: the same as a file.
        points: what the CSV holds: every image, also those that are not drawn.
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
    """Images one by one, with scores, heat-maps and boxes.

    Args:
        caption: what is there, and what was left out.
        data: what the page draws, for `cases.js`: see `hilum.report.sections.images`.
        findings: to choose from.
        arms: to choose from.
        has_heat, has_boxes: whether any image has a heat-map, a box.
        rules: by which images were chosen to be seen side by side, each with what it means; may be empty.
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
    """A headed part of the page.

    Args:
        anchor: its place in the address, `report.html#anchor`; unique.
        title: the heading and the entry in the table of contents.
        blocks: in reading order.
        folded: whether a reader opens it to see it.
    """

    anchor: str
    title: str
    blocks: Sequence[Block]
    folded: bool = False

    @property
    def gathered(self) -> list[str]:
        """Notes that several tables have: shown once, after the last of them."""
        notes = [note for block in self.blocks if isinstance(block, Table) for note in dict.fromkeys(block.notes)]
        return [note for note in dict.fromkeys(notes) if notes.count(note) > 1]
