"""Schema of layout files: `report/layouts/NAME.yaml`, or a user's file; see docs/how-to/published_studies.md.

A table is rows times columns. Table, row and column each set a part of a cell (task, arm, finding, value): the row
overrides the table and the column overrides the row. `each` makes one row or column per arm, finding or task.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from hilum.errors import HilumError
from hilum.report.published import Published, read_published
from hilum.report.published.read import is_path, read_yaml

LAYOUTS = ("elwirehardja2025", "gowtham2023", "kivotova2021", "tayebiarasteh2024", "toh2023")
"""Layouts that come with Hilum."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BestOf(_Part):
    """Best of several arms.

    Attributes:
        best_of: Pattern of the names of the arms, as `Cells.of`.
        by: Selection value; "val_loss" uses no test label.
    """

    best_of: str
    by: str = "val_loss"


def _text(raw: object) -> object:
    return str(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else raw


class Cells(_Part):
    """Settings of cells, given for a table, a row or a column.

    Attributes:
        title: Header. `{arm}`, `{finding}`, `{task}` and the parts of `of` in braces are filled in.
        published: Name of the row or column in the published table; default: the title.
        each: Make one row or column per arm, finding or task.
        of: Pattern of the arms of `each: arms`: `*` is any text, `{depth}` any text that the title can use.
        task: Task of the study; default: the only one.
        arm: Name or pattern of an arm (the first that matches), or the best of several.
        reference: Reference arm of comparisons; default: the study's.
        finding: Finding or class, or an average over them ("macro", "weighted", "micro"); default: the study's main
            average.
        findings: Findings averaged by `mean_sd`, if the task has them; default: all.
        value: Metric, or one of `hilum.report.layouts.values.VALUES`.
        split: Split of counts: train, val or test.
        statistic: "estimate", or "mean_sd": mean and standard deviation over findings.
        spread: Spread beside the value: its 95 % interval, its standard deviation over bootstrap resamples, half the
            width of its interval, or none.
        decimals: Number of decimals.
        scale: Factor of the value; 100 for percent.
    """

    title: Annotated[str | None, BeforeValidator(_text)] = None
    published: Annotated[str | None, BeforeValidator(_text)] = None
    each: Literal["arms", "findings", "tasks"] | None = None
    of: str = "*"
    task: str | None = None
    arm: str | BestOf | None = None
    reference: str | BestOf | None = None
    finding: str | None = None
    findings: list[str] | None = None
    value: str | None = None
    split: Literal["train", "val", "test"] | None = None
    statistic: Literal["estimate", "mean_sd"] | None = None
    spread: Literal["none", "interval", "sd", "half_width"] | None = None
    decimals: int | None = Field(None, ge=0, le=6)
    scale: float | None = Field(None, gt=0)

    def over(self, other: "Cells") -> "Cells":
        """Merge with other settings; these take precedence."""
        own = {name: getattr(self, name) for name in self.model_fields_set}
        theirs = {name: getattr(other, name) for name in other.model_fields_set if name not in _OF_AN_AXIS}
        return Cells.model_validate(theirs | own)


_OF_AN_AXIS = ("title", "published", "each", "of")


class TableLayout(_Part):
    """Table of a layout.

    Attributes:
        name: Stem of its file names.
        title: Caption.
        published: Table of published numbers; default: only the study's numbers are shown.
        cells: Settings of all cells.
        rows, columns: Settings of the rows and columns.
        best: Value by which the best row is marked with an asterisk; "val_loss" uses no test label.
        notes: Notes below the table.
    """

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    published: str | None = None
    cells: Cells = Cells()
    rows: list[Cells] = Field(min_length=1)
    columns: list[Cells] = Field(min_length=1)
    best: str | None = None
    notes: list[str] = []


class FigureLayout(_Part):
    """Figure of a layout.

    Attributes:
        name: Stem of its file names.
        title: Caption.
        kind: `losses` (all arms in one plot, the selected epoch marked), `class_bars` (positive images of each
            finding), `boxes` (a metric over findings, with p and the mean as a cross), `roc` (all findings; first arm
            solid, the others dotted and dashed), `intervals`, `confusion`, `embedding`, `heat_maps`.
        tasks: Tasks of the study; default: all.
        arms: Patterns of arms, or the best of several; default: all.
        metric: Metric of `boxes` and `intervals`.
        loss: Loss of `losses`.
        x: Horizontal axis of `losses`.
        splits: Splits of `class_bars`.
        log: Whether `losses` has a logarithmic axis.
    """

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    kind: Literal["losses", "class_bars", "boxes", "roc", "intervals", "confusion", "embedding", "heat_maps"]
    tasks: list[str] = []
    arms: list[str | BestOf] = []
    metric: str = "auroc"
    loss: Literal["train_loss", "val_loss"] = "val_loss"
    x: Literal["epoch", "step"] = "epoch"
    splits: list[Literal["train", "val", "test"]] = ["train"]
    log: bool = False


class Layout(_Part):
    """Tables and figures of a paper.

    Attributes:
        title: Heading of the section.
        published: Paper, one of `hilum.report.published.PUBLISHED`, or a file beside the layout.
        resampled: Whether `train_share` is computed after the resampling of Elwirehardja et al. 2025.
        notes: Notes at the top of the section.
        tables, figures: Tables and figures in the order of the paper.
    """

    title: str
    published: str | None = None
    resampled: bool = False
    notes: list[str] = []
    tables: list[TableLayout] = []
    figures: list[FigureLayout] = []

    @model_validator(mode="after")
    def _names_differ(self) -> "Layout":
        names = [table.name for table in self.tables] + [figure.name for figure in self.figures]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)}: two tables or figures have this name")
        return self


def read_layout(name: str | Path) -> tuple[Layout, Published | None]:
    """Read a layout and its published numbers.

    Args:
        name: One of `LAYOUTS`, or the path of a YAML file.

    Returns:
        The layout, and the paper's numbers; None if the layout names no paper.

    Raises:
        HilumError: No such layout or file; a table names an unknown published table.
        HilumErrors: All unknown keys and wrong values.
    """
    layout = read_yaml(Layout, name, LAYOUTS, "layouts")
    published = None
    if layout.published is not None:
        beside = is_path(name) and is_path(layout.published)
        published = read_published(Path(name).parent / layout.published if beside else layout.published)
    unknown = [
        f"tables.{table.name}: {table.published}"
        for table in layout.tables
        if table.published and (published is None or table.published not in published.tables)
    ]
    if unknown:
        known = ", ".join(published.tables) if published else "none: the layout names no paper"
        fix = "Correct `published` of these tables."
        raise HilumError(name, expected=f"published tables ({known})", found="; ".join(unknown), fix=fix)
    return layout, published
