"""Tables of subgroups of patients and their gaps to all others."""

import polars as pl

from hilum.evaluation.tables import UNDERDIAGNOSIS
from hilum.report.content import SIGNIFICANT, ReportContent
from hilum.report.render import Cell, Column, Prose, Table, formats
from hilum.report.sections.results import estimate_cell, order_of, with_split

LEAST_FRACTION = 0.1
"""Minimum fraction of groups and findings with enough patients for a table; otherwise a sentence is shown."""


def subgroup_tables(content: ReportContent) -> list[Table | Prose]:
    """Tabulate groups by attribute and metric: estimates and gaps of each group, finding and arm.

    Where almost no group, or only one, has enough patients, a sentence is shown instead.
    """
    table = content.subgroups
    if table is None or table.is_empty():
        return []
    kinds = table.select("attribute", "metric").unique(maintain_order=True).iter_rows()
    return [_table(content, table, attribute, metric) for attribute, metric in kinds]


def _table(content: ReportContent, every: pl.DataFrame, attribute: str, metric: str) -> Table | Prose:
    table = every.filter((pl.col("attribute") == attribute) & (pl.col("metric") == metric))
    known = table.filter(pl.col("estimate").cast(pl.Float64).fill_nan(None).is_not_null())
    left = table.filter(pl.col("estimate").cast(pl.Float64).fill_nan(None).is_null())
    if known["group"].n_unique() < 2 or len(known) < LEAST_FRACTION * len(table):
        return Prose([_hardly_any(known, table, attribute, metric)])
    titles = {arm.name: arm.title for arm in content.arms}
    several = table["arm"].n_unique() > 1
    rows = [
        [
            Cell(row["group"]),
            Cell(row["finding"]),
            *([Cell(titles.get(row["arm"], row["arm"]))] if several else []),
            estimate_cell(row),
            _gap(row),
            Cell(formats.p_value(row["p_adjusted"]), order_of(row["p_adjusted"])),
            Cell(f"{row['positive_patients']:,} + {row['negative_patients']:,}", row["positive_patients"]),
        ]
        for row in known.to_dicts()
    ]
    name = formats.capital(formats.metric_name(metric))
    columns = [Column(formats.capital(attribute)), Column("Finding"), *([Column("Arm")] if several else [])]
    columns += [
        Column(f"{name} (95 % CI)", numeric=True), Column("Gap to the rest (95 % CI)", numeric=True),
        Column("Adjusted p", numeric=True), Column("Patients", numeric=True),
    ]  # fmt: skip
    notes = ["Patients: with a positive image + with a negative image. Gap: the group minus all others."]
    if metric == UNDERDIAGNOSIS:
        notes.append("Underdiagnosis: false negative rate at the threshold. Lower is better.")
    small = [f"{group} ({formats.listing(names)})" for group, names in _by_group(left).items()]
    if small:
        notes.append(f"Too few patients to be reported: {'; '.join(small)}.")
    over = f"Adjusted over all gaps in {formats.metric_name(metric)}"
    caption = f"{name} by {attribute}. {over}. Computed on {content.scored_on}."
    stem = formats.file_stem("subgroups", attribute, metric)
    return Table(stem, caption, columns, rows, with_split(table, content), notes)


def _hardly_any(known: pl.DataFrame, table: pl.DataFrame, attribute: str, metric: str) -> str:
    """Describe as in "AUROC by view: 1 of 12 groups and findings has enough patients (AP: Effusion)"."""
    pairs = table.select("group", "finding").n_unique()
    enough = known.select("group", "finding").n_unique()
    which = "; ".join(f"{group}: {formats.listing(names)}" for group, names in _by_group(known).items())
    text = f"{enough or 'none'} of {pairs} groups and findings {'has' if enough == 1 else 'have'} enough patients"
    name = formats.capital(formats.metric_name(metric))
    return f"{name} by {attribute}: {text}{f' ({which})' if which else ''}."


def _gap(row: dict[str, float | None]) -> Cell:
    if not formats.known(row["gap"]):
        return Cell("–", None, "faint")
    text = formats.difference(row["gap"], row["gap_ci_low"], row["gap_ci_high"], signed=True)
    shown = row["p_adjusted"] is not None and formats.known(row["p_adjusted"]) and row["p_adjusted"] < SIGNIFICANT
    return Cell(text, row["gap"], "warning" if shown else "")


def _by_group(rows: pl.DataFrame) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for group, finding in rows.select("group", "finding").unique(maintain_order=True).iter_rows():
        groups.setdefault(group, []).append(finding)
    return groups
