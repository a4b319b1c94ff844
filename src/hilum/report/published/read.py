"""Published numbers as data: one YAML file per paper, `report/published/NAME.yaml`, or a user's file.

A table has named columns and rows; a cell is a number, null where the paper prints none, or "a ± b". `misprints` lists
cells that differ from the printed number or are known to be wrong, with the reason. `checks` list the numbers that a
study's plan recomputes (`hilum.study.published_counts`).
"""

import math
import re
from collections.abc import Sequence
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
    """Printed number.

    Attributes:
        value: Number in the units of the table.
        spread: Number after "±"; None for none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    value: float
    spread: float | None = None


def _cell(raw: object) -> object:
    if isinstance(raw, bool):
        raise ValueError(f"{raw!r} is not a number")
    if isinstance(raw, int | float):
        if not math.isfinite(raw):
            raise ValueError(f"{raw!r} is not a number")
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
    """Location of a table in a paper.

    Attributes:
        table: Number of the table, for example "Table 7".
        section: Section of the table.
        page: Printed page; None where the copy shows no page numbers.
    """

    table: str
    section: str = ""
    page: int | str | None = None

    @property
    def title(self) -> str:
        """Location as in "Table 7, section 4.2, page 18"."""
        parts = [
            self.table,
            f"section {self.section}" if self.section else "",
            f"page {self.page}" if self.page else "",
        ]
        return ", ".join(part for part in parts if part)


class Misprint(_Part):
    """Cell whose printed number is wrong or doubtful.

    Attributes:
        row, column: Names of the row and column of the cell.
        printed: Printed number.
        as_printed: True if the table holds the printed number, False if it holds the corrected one.
        reason: Reason why the printed number is wrong or doubtful.
    """

    row: str
    column: str
    printed: str
    as_printed: bool = False
    reason: str


class PublishedTable(_Part):
    """Table of a paper.

    Attributes:
        title: Title of the table.
        source: Location in the paper.
        columns: Names of the columns.
        rows: Cells by the name of the row, as long as `columns`.
        best: Row that the paper marks as the best one.
        misprints: Cells whose printed numbers are wrong or doubtful.
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
            raise ValueError(f"rows {', '.join(wrong)} do not have {len(self.columns)} cells")
        unknown = [
            f"{m.row}/{m.column}" for m in self.misprints if m.row not in self.rows or m.column not in self.columns
        ]
        unknown += [self.best] if self.best is not None and self.best not in self.rows else []
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: no such row or column")
        return self

    def value(self, row: str, column: str) -> PublishedValue | None:
        """Return the printed number of a cell; None if there is none, or no such row or column."""
        if column not in self.columns:
            return None
        return self.rows.get(row, [None] * len(self.columns))[self.columns.index(column)]

    def misprint(self, row: str, column: str) -> Misprint | None:
        """Return the misprint of a cell; None for none."""
        return next((m for m in self.misprints if (m.row, m.column) == (row, column)), None)


class Check(_Part):
    """Number that a study's plan recomputes, and the cell, row or column of a table that prints it.

    Attributes:
        title: Title of the check.
        quantity: Quantity, one of `hilum.study.published_counts.QUANTITIES`.
        table: Name of the paper's table.
        row, column: Cell; a column alone means one check per row (`rows`), a row alone one check per column.
        rows: "findings": the rows are findings.
        columns: "arms": the columns are arms.
        task: Task of the study, or "each": the columns are tasks. Default: the only task.
        data: Data set of the study, or "each": the columns are data sets.
        split: train, val, test, train_val or all.
        finding: Finding of the quantity.
        statistic: Statistic over findings.
        without: Findings excluded from the statistic.
        decimals: Decimals to which both numbers are rounded before the comparison.
        explain: Reason why they may differ.
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
    """Published numbers of one paper.

    Attributes:
        paper: Short name.
        citation: Authors, title, journal and year.
        tables: Tables by name.
        checks: Numbers that a plan recomputes.
    """

    paper: str
    citation: str
    tables: dict[str, PublishedTable]
    checks: list[Check] = []

    @model_validator(mode="after")
    def _checks_name_tables(self) -> "Published":
        for check in self.checks:
            table = self.tables.get(check.table)
            if table is None or (check.row and check.row not in table.rows):
                raise ValueError(f"checks: no table {check.table}, or it has no row {check.row}")
            if check.column and check.column not in table.columns:
                raise ValueError(f"checks: {check.table} has no column {check.column}")
        return self


def read_published(name: str | Path) -> Published:
    """Read a paper's numbers.

    Args:
        name: One of `PUBLISHED`, or the path of a YAML file.

    Raises:
        HilumError: No such paper or file, or invalid YAML.
        HilumErrors: All cells that are not numbers, rows of the wrong length and misprints without a cell.
    """
    return read_yaml(Published, name, PUBLISHED, "published")


def read_yaml(model: type[Model], name: str | Path, included: Sequence[str], kind: str) -> Model:
    """Read and validate a YAML file, one of Hilum's own or a user's.

    Args:
        model: Pydantic model of the content.
        name: One of `included`, or the path of a YAML file.
        included: Names of the files that come with Hilum.
        kind: Kind of file and its folder in `hilum.report`: "published" or "layouts".

    Raises:
        HilumError: No such file, or invalid YAML.
        HilumErrors: All unknown keys and wrong values.
    """
    if is_path(name):
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            expected = {"published": "a file of published numbers", "layouts": "a layout file"}[kind]
            raise HilumError(name, expected=expected, found=str(error), fix="Check the path.") from None
    elif name in included:
        text = files(f"hilum.report.{kind}").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    else:
        fix = "Use one of these, or the path of a YAML file."
        raise HilumError(kind, expected=f"one of {', '.join(included)}", found=repr(name), fix=fix)
    try:
        content: Any = load_yaml(text)
    except yaml.YAMLError as error:
        raise HilumError(name, expected="YAML", found=" ".join(str(error).split()), fix="Correct the YAML.") from None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in error.errors()]
        raise HilumErrors(name, problems, fix="see docs/how-to/published_studies.md") from None


def is_path(name: str | Path) -> bool:
    """Return whether a name is the path of a YAML file, not a name of Hilum's own files."""
    return isinstance(name, Path) or name.endswith((".yaml", ".yml"))
