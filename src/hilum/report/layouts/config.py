"""What a layout file may contain: `report/layouts/NAME.yaml`, or a file; see docs/how-to/published_studies.md.

A table is rows times columns. Table, row and column each fix a part of what a cell shows (task, arm, finding, value):
the row wins over the table and the column over the row. `each` makes one row or column of every arm, finding or task.
"""

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from hilum.errors import HilumError
from hilum.report.published import Published, read_published
from hilum.report.published.read import parse_yaml

LAYOUTS = ("elwirehardja2025", "gowtham2023", "kivotova2021", "tayebiarasteh2024", "toh2023")
"""Layouts that come with Hilum."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BestOf(_Part):
    """The arm that is best among several.

    Attributes:
        best_of: pattern of their names, as `Cells.of`.
        by: value to choose by; "val_loss" looks at no test label.
    """

    best_of: str
    by: str = "val_loss"


def _text(raw: object) -> object:
    return str(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else raw


class Cells(_Part):
    """What a table, a row or a column fixes of its cells.

    Attributes:
        title: what stands at its head. `{arm}`, `{finding}`, `{task}` and the parts of `of` in braces are filled in.
        published: name of the row or column in the published table; the title where left out.
        each: one row or column of every arm, finding or task.
        of: pattern of the arms that `each: arms` means: `*` is anything, `{depth}` anything that a title may name.
        task: a task of the study; the only one where left out.
        arm: name or pattern of an arm (the first that matches), or the best of several.
        reference: of comparisons: the arm that `arm` is compared with; the study's where left out.
        finding: a finding or class, or an average over them ("macro", "weighted", "micro"); the study's main average
            where left out.
        findings: of `mean_sd`: those to average over, as far as the task has them; all where left out.
        value: a metric, or one of `hilum.report.layouts.values.VALUES`.
        split: of counts: train, val or test.
        statistic: "estimate", or "mean_sd": the mean over findings with their standard deviation.
        spread: what stands beside the value: its 95 % interval, its standard deviation over bootstrap resamples, half
            the width of its interval, or nothing.
        decimals: shown.
        scale: 100 for percent.
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
        """Both together; what this one fixes wins."""
        own = {name: getattr(self, name) for name in self.model_fields_set}
        theirs = {name: getattr(other, name) for name in other.model_fields_set if name not in _OF_AN_AXIS}
        return Cells.model_validate(theirs | own)


_OF_AN_AXIS = ("title", "published", "each", "of")


class TableLayout(_Part):
    """One table of the paper.

    Attributes:
        name: stem of its files.
        title: the caption.
        published: table of the published numbers; without one only the study's numbers are shown.
        cells: what all cells have in common.
        rows, columns: their parts.
        best: mark the best row with an asterisk, by this value; "val_loss" looks at no test label.
        notes: below the table.
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
    """One figure of the paper.

    Attributes:
        name: stem of its files.
        title: the caption.
        kind: `losses` (all arms on one plot, the exported epoch marked), `class_bars` (positive images of each
            finding), `boxes` (a metric over findings, with p and the mean as a cross), `roc` (every finding; first arm
            solid, the others dotted and dashed), `intervals`, `confusion`, `embedding`, `heat_maps`.
        tasks: of the study; all where left out.
        arms: patterns, or the best of several; all where left out.
        metric: of `boxes` and `intervals`.
        loss: of `losses`.
        x: of `losses`.
        splits: of `class_bars`.
        log: of `losses`: a logarithmic axis.
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
    """A paper's tables and figures.

    Attributes:
        title: heading of the section.
        published: the paper, one of `hilum.report.published.PUBLISHED`, or a file beside the layout.
        resampled: give class shares after the resampling of Elwirehardja et al. 2025 (`train_share`).
        notes: shown at the head of the section.
        tables, figures: in the order of the paper.
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
    """Read a layout and the published numbers that it names.

    Args:
        name: one of `LAYOUTS`, or the path of a YAML file.

    Returns:
        The layout, and the paper's numbers where it names some.

    Raises:
        HilumError: no such layout or file; a table names a published table that is not there.
        HilumErrors: with every key that a layout does not have, and every wrong value.
    """
    if isinstance(name, Path) or name.endswith((".yaml", ".yml")):
        path = Path(name)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise HilumError(path, expected="a layout file", found=str(error), fix="Check the path.") from None
    elif name in LAYOUTS:
        path, text = None, files("hilum.report.layouts").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    else:
        fix = "Use one of these, or the path of a YAML file."
        raise HilumError("layout", expected=f"one of {', '.join(LAYOUTS)}", found=repr(name), fix=fix)
    layout: Layout = parse_yaml(Layout, text, name)
    published = _published_of(layout, path)
    unknown = [
        f"tables.{table.name}: {table.published}"
        for table in layout.tables
        if table.published and (published is None or table.published not in published.tables)
    ]
    if unknown:
        known = ", ".join(published.tables) if published else "none, for the layout names no paper"
        fix = "Correct `published` of these tables."
        raise HilumError(name, expected=f"published tables ({known})", found="; ".join(unknown), fix=fix)
    return layout, published


def _published_of(layout: Layout, path: Path | None) -> Published | None:
    if layout.published is None:
        return None
    own: Any = layout.published
    if path is not None and own.endswith((".yaml", ".yml")):
        own = path.parent / own
    return read_published(own)
