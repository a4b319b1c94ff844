"""Tables of a layout: the study's numbers in the paper's rows and columns, the paper's numbers and the difference."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from hilum.report.layouts.arms import arm_of, best_row, matches
from hilum.report.layouts.config import Cells, Layout, TableLayout
from hilum.report.layouts.results import StudyResults
from hilum.report.layouts.values import OF_IMAGES, Query, Value, value_of
from hilum.report.published import Published, PublishedTable, PublishedValue
from hilum.report.render import Cell, Column, Table, formats

_PART = re.compile(r"\{\w+\}|\*")
_SCHEMA = {
    "row": pl.String, "column": pl.String, "task": pl.String, "arm": pl.String, "finding": pl.String,
    "value": pl.String, "estimate": pl.Float64, "ci_low": pl.Float64, "ci_high": pl.Float64,
    "sd": pl.Float64, "published": pl.Float64, "published_spread": pl.Float64, "difference": pl.Float64,
    "note": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class Head:
    """Row or column with its title filled in.

    Attributes:
        title: Header.
        published: Name in the published table.
        cells: Settings of its cells.
    """

    title: str
    published: str
    cells: Cells


@dataclass(frozen=True)
class Shown:
    """Cell with the study's and the paper's number.

    Attributes:
        query, task, arm: Query of the study's number, its task and arm.
        value: Number of the study.
        published: Number of the paper.
        cells: Format of both.
    """

    query: Query
    task: str
    arm: str
    value: Value
    published: PublishedValue | None
    cells: Cells

    @property
    def scale(self) -> float:
        """Factor of the study's number; 100 for percent."""
        return self.cells.scale or 1.0

    @property
    def decimals(self) -> int:
        """Number of decimals."""
        return 3 if self.cells.decimals is None else self.cells.decimals

    @property
    def estimate(self) -> float | None:
        """Number of the study in the paper's units."""
        return None if self.value.value is None else self.scale * self.value.value

    @property
    def difference(self) -> float | None:
        """Number of the study minus that of the paper."""
        if self.estimate is None or self.published is None:
            return None
        return self.estimate - self.published.value

    @property
    def text(self) -> str:
        """Number of the study with its spread."""
        if self.estimate is None:
            return "–" if self.value.ran else "not run"
        text, value, spread = decimal(self.estimate, self.decimals), self.value, self.cells.spread
        if self.query.statistic == "mean_sd" and spread is None:
            spread = "sd"
        if spread == "interval" and value.low is not None and value.high is not None:
            low, high = (decimal(self.scale * end, self.decimals) for end in (value.low, value.high))
            return f"{text} ({low}–{high})"
        if spread == "half_width" and value.low is not None and value.high is not None:
            return f"{text} ± {decimal(self.scale * (value.high - value.low) / 2, self.decimals)}"
        if spread == "sd" and value.sd is not None:
            return f"{text} ± {decimal(self.scale * value.sd, self.decimals)}"
        return text

    @property
    def published_text(self) -> str:
        """Number of the paper as printed."""
        if self.published is None:
            return "–"
        text = decimal(self.published.value, self.decimals)
        return text if self.published.spread is None else f"{text} ± {decimal(self.published.spread, self.decimals)}"


def decimal(value: float, decimals: int, *, signed: bool = False) -> str:
    """Format a number with thousands separators and a true minus sign."""
    text = f"{abs(value):,.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        return text
    return f"−{text}" if value < 0 else f"+{text}" if signed else text


def layout_table(
    layout: Layout, table: TableLayout, results: StudyResults, published: Published | None
) -> Table | None:
    """Fill one table; None if the study has none of its tasks, arms and findings.

    Args:
        layout: Layout of the table.
        table: Rows, columns and their cells.
        results: Results of the study.
        published: Numbers of the paper.
    """
    printed = published.tables[table.published] if published and table.published else None
    rows, columns = (
        list(_heads(table.rows, table, results, printed)),
        list(_heads(table.columns, table, results, printed)),
    )
    if not rows or not columns:
        return None
    grid = [[_cell(layout, table, row, column, results, printed) for column in columns] for row in rows]
    best = _best(table, grid, results)
    compared = [any(line[place].published is not None for line in grid) for place in range(len(columns))]
    shown = [
        [Cell(f"{row.title} *" if place == best else row.title), *_texts(line, compared)]
        for place, (row, line) in enumerate(zip(rows, grid, strict=True))
    ]
    heads = [Column("")]
    for column, beside in zip(columns, compared, strict=True):
        heads += [Column(column.title, numeric=True)]
        heads += [Column("paper", numeric=True), Column("difference", numeric=True)] if beside else []
    caption = table.title if printed is None else f"{table.title} Paper: {printed.source.title}."
    return Table(
        table.name, caption, heads, shown, _data(rows, columns, grid), _notes(table, rows, columns, grid, printed, best)
    )


def _heads(
    parts: Sequence[Cells], table: TableLayout, results: StudyResults, printed: PublishedTable | None
) -> Iterator[Head]:
    for part in parts:
        if part.each is None:
            yield _head(part, {})
            continue
        task = results.task(part.task or table.cells.task)
        if part.each == "tasks":
            for name in results.tasks:
                if matches(part.of, [name]):
                    yield _head(part, {"task": name})
        elif part.each == "findings":
            findings = task.findings if task else list(printed.rows) if printed else []
            for finding in findings:
                yield _head(part, {"finding": finding})
        else:
            arms = matches(part.of, task.arms if task else [])
            made = [_head(part, {"arm": arm}, captured) for arm, captured in arms.items()]
            yield from made
            if part in table.rows and printed:
                yield from _rows_not_run(part, printed, [head.published for head in made])


def _rows_not_run(part: Cells, printed: PublishedTable, made: Sequence[str]) -> Iterator[Head]:
    """Iterate over the paper's other rows, each with the name of its arm."""
    for row in printed.rows:
        if row not in made:
            arm = _PART.sub(row.replace("\\", r"\\"), part.of)
            yield Head(
                row, row, Cells.model_validate({**part.model_dump(exclude_unset=True), "each": None, "arm": arm})
            )


def _head(part: Cells, fixed: Mapping[str, str], captured: Mapping[str, str] | None = None) -> Head:
    named = {**fixed, **(captured or {})}
    default = next(iter(fixed.values()), part.arm if isinstance(part.arm, str) else part.finding or part.task or "")
    title = part.title.format_map(named) if part.title is not None else default
    published = part.published.format_map(named) if part.published is not None else title
    return Head(title, published, Cells.model_validate({**fixed, **part.model_dump(exclude_unset=True), "each": None}))


def _cell(
    layout: Layout,
    table: TableLayout,
    row: Head,
    column: Head,
    results: StudyResults,
    printed: PublishedTable | None,
) -> Shown:
    cells = column.cells.over(row.cells.over(table.cells))
    published = printed.value(row.published, column.published) if printed else None
    query = Query(cells.value or "", finding=cells.finding, split=cells.split, resampled=layout.resampled)
    averaged = None if cells.findings is None else tuple(cells.findings)
    query = replace(query, statistic=cells.statistic or "estimate", findings=averaged)
    if not cells.value:
        return Shown(query, cells.task or "", "", Value(None, reason="not a number of this study"), published, cells)
    task = results.task(cells.task)
    if task is None:
        reason = (
            f"no task {cells.task} in this run" if cells.task else "the layout names no task, and there are several"
        )
        return Shown(query, cells.task or "", "", Value(None, reason=reason, ran=False), published, cells)
    arm, reason = arm_of(task, cells.arm)
    if reason and cells.arm is not None:
        return Shown(query, task.name, "", Value(None, reason=reason, ran=False), published, cells)
    reference = arm_of(task, cells.reference)[0] if cells.reference is not None else None
    query = replace(query, arm=arm, reference=reference)
    return Shown(query, task.name, arm or "", value_of(task, query), published, cells)


def _best(table: TableLayout, grid: Sequence[Sequence[Shown]], results: StudyResults) -> int | None:
    if table.best is None:
        return None
    values: list[Value | None] = []
    for line in grid:
        first = next((cell for cell in line if cell.arm), None)
        task = results.task(first.task) if first else None
        values.append(value_of(task, Query(table.best, arm=first.arm)) if first and task else None)
    return best_row(values, table.best)


def _texts(line: Sequence[Shown], compared: Sequence[bool]) -> Iterator[Cell]:
    for cell, beside in zip(line, compared, strict=True):
        yield Cell(cell.text, cell.estimate, "" if cell.estimate is not None else "faint")
        if beside:
            paper, difference = cell.published, cell.difference
            yield Cell(cell.published_text, paper.value if paper else None, "" if paper else "faint")
            text = "–" if difference is None else decimal(difference, cell.decimals, signed=True)
            yield Cell(text, difference, "" if difference is not None else "faint")


def _notes(
    table: TableLayout,
    rows: Sequence[Head],
    columns: Sequence[Head],
    grid: Sequence[Sequence[Shown]],
    printed: PublishedTable | None,
    best: int | None,
) -> list[str]:
    notes = list(table.notes)
    if best is not None and table.best is not None:
        by = formats.metric_name(table.best).replace("val_", "validation ").replace("_", " ")
        notes.append(f"* Best by {by}." + (f" The paper marks {printed.best}." if printed and printed.best else ""))
    if any(cell.query.statistic == "mean_sd" and cell.estimate is not None for line in grid for cell in line):
        notes.append("±: standard deviation over findings.")
    if any(cell.cells.spread == "sd" and cell.value.sd is not None for line in grid for cell in line):
        notes.append("±: standard deviation over bootstrap resamples; of an interval, its width / 3.92.")
    if any(cell.cells.spread == "half_width" for line in grid for cell in line):
        notes.append("±: half the width of the 95 % interval.")
    notes += _reasons(rows, columns, grid, printed)
    for misprint in printed.misprints if printed else []:
        used = misprint.row in {row.published for row in rows} and misprint.column in {c.published for c in columns}
        if used:
            as_printed = "as printed" if misprint.as_printed else f'is printed as "{misprint.printed}"'
            notes.append(f"Paper, {misprint.row}, {misprint.column} {as_printed}: {misprint.reason}.")
    return notes


def _reasons(
    rows: Sequence[Head],
    columns: Sequence[Head],
    grid: Sequence[Sequence[Shown]],
    printed: PublishedTable | None,
) -> list[str]:
    """List the reasons for missing numbers that the paper has, or of whole rows, each once with its rows or cells."""
    of_rows: dict[str, list[str]] = {}
    empty = {
        column.title
        for place, column in enumerate(columns)
        if len(columns) > 1 and all(line[place].estimate is None for line in grid)
    }
    for row, line in zip(rows, grid, strict=True):
        for column, cell in zip(columns, line, strict=True):
            of_this_study = bool(cell.arm) or cell.cells.arm is not None or cell.cells.value in OF_IMAGES
            whole = all(other.estimate is None for other in line)
            in_paper = printed is None or (of_this_study and (cell.published is not None or (whole and cell.value.ran)))
            if cell.estimate is None and cell.cells.value and in_paper:
                name = row.title if whole else f"{row.title} of {column.title}"
                name = column.title if column.title in empty and not whole else name
                reason = cell.value.reason if cell.value.ran else "not in this run"
                of_rows.setdefault(reason, []).append(name)
    notes = []
    for reason, names in of_rows.items():
        distinct = list(dict.fromkeys(names))
        shown = (
            formats.listing(distinct)
            if len(distinct) <= 6
            else f"{', '.join(distinct[:5])} and {len(distinct) - 5} more"
        )
        notes.append(f"{shown}: {reason}.")
    return notes


def _data(rows: Sequence[Head], columns: Sequence[Head], grid: Sequence[Sequence[Shown]]) -> pl.DataFrame:
    records = [
        {
            "row": row.title,
            "column": column.title,
            "task": cell.task,
            "arm": cell.arm,
            "finding": cell.query.finding or "",
            "value": cell.query.value,
            "estimate": cell.estimate,
            "ci_low": None if cell.value.low is None else cell.scale * cell.value.low,
            "ci_high": None if cell.value.high is None else cell.scale * cell.value.high,
            "sd": None if cell.value.sd is None else cell.scale * cell.value.sd,
            "published": cell.published.value if cell.published else None,
            "published_spread": cell.published.spread if cell.published else None,
            "difference": cell.difference,
            "note": cell.value.reason,
        }
        for row, line in zip(rows, grid, strict=True)
        for column, cell in zip(columns, line, strict=True)
    ]
    return pl.DataFrame(records, schema=_SCHEMA)
