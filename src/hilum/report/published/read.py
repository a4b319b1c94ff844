"""Published numbers as data: one YAML file a paper, `report/published/NAME.yaml`, or a file of one's own.

A table has named columns and named rows; a cell is a number, null where the paper prints none, or "a ± b". Where the
number is not the printed one, or is known to be wrong, `misprints` names the cell, what is printed and the reason.
`checks` say which of the numbers a study's plan counts, and how (`hilum.study.published_counts`).
"""

import math
import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from hilum.errors import HilumError, HilumErrors
from hilum.yaml_loader import load_yaml

PUBLISHED = ("elwirehardja2025", "gowtham2023", "kivotova2021", "tayebiarasteh2024", "toh2023")
"""Papers whose numbers come with Hilum."""

Model = TypeVar("Model", bound=BaseModel)

_SPREAD = re.compile(r"^\s*(?P<value>[-+]?\d[\d.e+-]*)\s*±\s*(?P<spread>\d[\d.e+-]*)\s*$")


class PublishedValue(BaseModel):
    """A printed number.

    Attributes:
        value: the number, in the table's own units.
        spread: what stands behind "±"; None where nothing does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    value: float
    spread: float | None = None


def _cell(raw: object) -> object:
    if isinstance(raw, bool):
        raise ValueError(f"{raw!r} is no number")
    if isinstance(raw, int | float):
        if not math.isfinite(raw):
            raise ValueError(f"{raw!r} is no number")
        return {"value": float(raw)}
    if isinstance(raw, str):
        parts = _SPREAD.match(raw)
        if parts is None:
            raise ValueError(f"{raw!r} is neither a number nor 'a ± b'")
        return {"value": float(parts["value"]), "spread": float(parts["spread"])}
    return raw


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Part):
    """Where in a paper a table stands.

    Attributes:
        table: its number, such as "Table 7".
        section: the section that holds it.
        page: the printed page; None where the copy at hand shows no page numbers.
    """

    table: str
    section: str = ""
    page: int | str | None = None

    @property
    def title(self) -> str:
        """As in "Table 7, section 4.2, page 18"."""
        parts = [
            self.table,
            f"section {self.section}" if self.section else "",
            f"page {self.page}" if self.page else "",
        ]
        return ", ".join(part for part in parts if part)


class Misprint(_Part):
    """A cell that is printed otherwise, or printed so and known to be wrong.

    Attributes:
        row, column: of the cell.
        printed: as it is printed.
        as_printed: True where the table holds the printed number, False where it holds the corrected one.
        reason: why the printed number is wrong, or doubtful.
    """

    row: str
    column: str
    printed: str
    as_printed: bool = False
    reason: str


class PublishedTable(_Part):
    """One table of a paper.

    Attributes:
        title: what it shows.
        source: where it stands.
        columns: their names.
        rows: cells by the name of the row, as long as `columns`.
        best: the row that the paper marks as the best one.
        misprints: cells that are printed otherwise.
    """

    title: str
    source: Source
    columns: list[str]
    rows: dict[str, list[Annotated[PublishedValue, BeforeValidator(_cell)] | None]]
    best: str | None = None
    misprints: list[Misprint] = []

    @model_validator(mode="after")
    def _complete(self) -> "PublishedTable":
        wrong = [name for name, cells in self.rows.items() if len(cells) != len(self.columns)]
        if wrong:
            raise ValueError(f"rows {', '.join(wrong)} are not {len(self.columns)} cells long")
        unknown = [
            f"{m.row}/{m.column}" for m in self.misprints if m.row not in self.rows or m.column not in self.columns
        ]
        unknown += [self.best] if self.best is not None and self.best not in self.rows else []
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: no such row or column")
        return self

    def value(self, row: str, column: str) -> PublishedValue | None:
        """The printed number of a cell; None where there is none, or no such row or column."""
        if column not in self.columns:
            return None
        return self.rows.get(row, [None] * len(self.columns))[self.columns.index(column)]

    def misprint(self, row: str, column: str) -> Misprint | None:
        """What is known of the print of a cell."""
        return next((m for m in self.misprints if (m.row, m.column) == (row, column)), None)


class Check(_Part):
    """A number that a study's plan counts, and the cell, row or column of a table that prints it.

    Attributes:
        title: what is counted.
        quantity: how, one of `hilum.study.published_counts.QUANTITIES`.
        table: of the paper.
        row, column: the cell; a column alone stands for one check a row (`rows`), a row alone for one a column.
        rows: "findings": the rows are findings.
        columns: "arms": the columns are arms.
        task: a task of the study, or "each": the columns are tasks. The only task where left out.
        data: a data set of the study, or "each": the columns are data sets.
        split: train, val, test, train_val or all.
        finding: of which finding.
        statistic: over findings.
        without: findings that the statistic leaves out.
        decimals: to which both numbers are rounded before they are compared.
        explain: why they may differ.
    """

    title: str
    quantity: str
    table: str
    row: str | None = None
    column: str | None = None
    rows: Literal["findings"] | None = None
    columns: Literal["arms"] | None = None
    task: str | None = None
    data: str | None = None
    split: Literal["train", "val", "test", "train_val", "all"] = "all"
    finding: str | None = None
    statistic: Literal["min", "max"] | None = None
    without: str | None = None
    decimals: int = Field(0, ge=0, le=6)
    explain: str = ""


class Published(_Part):
    """What one paper reports.

    Attributes:
        paper: short name.
        citation: authors, title, where and when.
        tables: by name.
        checks: which numbers a plan counts.
    """

    paper: str
    citation: str
    tables: dict[str, PublishedTable]
    checks: list[Check] = []

    @model_validator(mode="after")
    def _checks_are_of_tables(self) -> "Published":
        for check in self.checks:
            table = self.tables.get(check.table)
            if table is None or (check.row and check.row not in table.rows):
                raise ValueError(f"checks: {check.table} has no row {check.row}, or is no table")
            if check.column and check.column not in table.columns:
                raise ValueError(f"checks: {check.table} has no column {check.column}")
        return self


def read_published(name: str | Path) -> Published:
    """Read a paper's numbers.

    Args:
        name: one of `PUBLISHED`, or the path of a YAML file.

    Raises:
        HilumError: no such paper or file, or no YAML in it.
        HilumErrors: with every cell that is no number, row of another length, or misprint of no cell.
    """
    if isinstance(name, Path) or name.endswith((".yaml", ".yml")):
        path, text = Path(name), ""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise HilumError(
                path, expected="a file of published numbers", found=str(error), fix="Check the path."
            ) from None
    elif name in PUBLISHED:
        text = files("hilum.report.published").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    else:
        fix = "Use one of these, or the path of a YAML file."
        raise HilumError("published", expected=f"one of {', '.join(PUBLISHED)}", found=repr(name), fix=fix)
    return parse_yaml(Published, text, name)


def parse_yaml(model: type[Model], text: str, where: object) -> Model:
    """Read YAML into a model.

    Args:
        model: what it should be.
        text: of the file.
        where: the file's name, for messages.

    Raises:
        HilumError: no YAML.
        HilumErrors: with every key or value that the model refuses.
    """
    try:
        content: Any = load_yaml(text)
    except yaml.YAMLError as error:
        raise HilumError(where, expected="YAML", found=" ".join(str(error).split()), fix="Correct the YAML.") from None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in error.errors()]
        raise HilumErrors(where, problems, fix="see docs/how-to/published_studies.md") from None
