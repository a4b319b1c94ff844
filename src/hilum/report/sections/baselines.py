"""Shortcut baselines beside the arms: models of metadata, of a thumbnail, and of untrained encoders."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from hilum.evaluation.metrics import MACRO
from hilum.finetuning.shortcut_names import THUMBNAIL, parse_untrained
from hilum.report.content import SIGNIFICANT, ReportContent
from hilum.report.render import Cell, Column, Table, formats
from hilum.report.render.formats import finding_name
from hilum.report.rows import Row, direction, overall_rows
from hilum.report.sections.results import difference_cell, estimate_cell, macro_first, order_of, with_split


def sentences(content: ReportContent) -> list[str]:
    """Summarise the scores of shortcut baselines and of untrained encoders, one sentence each."""
    rows = _overall(content.baseline_metrics)
    if not rows:
        return []
    blind = {row["arm"]: row for row in rows if _untrained(row["arm"]) is None}
    sentences = []
    if blind:
        parts = [f"{formats.decimal(row['estimate'])} ({what(name)})" for name, row in blind.items()]
        sentences.append(f"Shortcut baselines reach {formats.listing(parts)}: this needs no radiological findings.")
    encoders = [(_untrained(row["arm"]), row["estimate"]) for row in rows if _untrained(row["arm"]) is not None]
    if encoders:
        parts = [f"{formats.decimal(value)} ({title})" for title, value in encoders]
        sentences.append(f"Frozen, untrained encoders reach {formats.listing(parts)}.")
    return sentences


def cautions(content: ReportContent) -> list[str]:
    """Warn of arms that are not significantly better than the best baseline."""
    best = max(_overall(content.baseline_metrics), key=lambda row: row["estimate"], default=None)
    if best is None or content.baseline_comparisons is None:
        return []
    pairs = [row for row in overall_rows(content.baseline_comparisons) if row["reference"] == best["arm"]]
    beaten = [
        row["arm"]
        for row in pairs
        if formats.known(row["p_adjusted"]) and row["p_adjusted"] < SIGNIFICANT and row["difference"] > 0
    ]
    tied = [row["arm"] for row in pairs if row["arm"] not in beaten]
    if not tied:
        return []
    verb = "is" if len(tied) == 1 else "are"
    named = _untrained(best["arm"]) or f"the shortcut baseline of {what(best['arm'])}"
    arms = formats.describe_arms(tied, len(content.arms))
    return [f"{arms} {verb} not significantly better than {named} ({formats.decimal(best['estimate'])})."]


def not_above_blind(content: ReportContent, arms: Sequence[str]) -> tuple[list[str], str]:
    """Return the arms that are not significantly better than the best baseline without an encoder, and its name."""
    blind = [row for row in _overall(content.baseline_metrics) if _untrained(row["arm"]) is None]
    if not blind or content.baseline_comparisons is None:
        return [], ""
    best = str(max(blind, key=lambda row: row["estimate"])["arm"])
    pairs = [row for row in overall_rows(content.baseline_comparisons) if row["reference"] == best]
    behind = [row["arm"] for row in pairs if row["arm"] in arms and direction(row) != "better"]
    return behind, best


def baselines_table(content: ReportContent) -> Table | None:
    """Tabulate findings by baselines, with the arms beside them."""
    table = content.baseline_metrics
    if table is None or table.is_empty():
        return None
    metric = table["metric"][0]
    table = table.filter(pl.col("metric") == metric)
    places = {(row["arm"], row["finding"]): row for row in table.to_dicts()}
    own = content.metrics.filter(pl.col("metric") == metric)
    arms: dict[tuple[str, str], dict[str, Any]] = {(row["arm"], row["finding"]): row for row in own.to_dicts()}
    names = table["arm"].unique(maintain_order=True).to_list()
    findings = macro_first(table["finding"].to_list())
    titles = {arm.name: arm.title for arm in content.arms}
    rows = [
        [
            Cell(finding_name(finding)),
            *(estimate_cell(places.get((name, finding))) for name in names),
            *(estimate_cell(arms.get((arm, finding))) for arm in titles),
        ]
        for finding in findings
    ]
    columns = [
        Column("Finding"),
        *(Column(_shown(name), numeric=True) for name in names),
        *(Column(title, numeric=True) for title in titles.values()),
    ]
    caption = (
        f"{formats.capital(formats.metric_name(metric))} of shortcut baselines, with 95 % intervals, and of the arms. "
        f"Computed on {content.scored_on}."
    )
    return Table("baselines", caption, columns, rows, with_split(table, content))


def above_baselines_table(content: ReportContent) -> Table | None:
    """Tabulate each arm minus each baseline, averaged over findings."""
    table = content.baseline_comparisons
    if table is None or table.is_empty():
        return None
    titles = {arm.name: arm.title for arm in content.arms}
    rows = [
        [
            Cell(str(titles.get(row["arm"], row["arm"]))),
            Cell(_shown(row["reference"])),
            difference_cell(row),
            Cell(formats.p_value(row["p_adjusted"]), order_of(row["p_adjusted"])),
        ]
        for row in overall_rows(table)
    ]
    columns = [Column("Arm"), Column("Minus baseline"), Column("Difference (95 % CI)", numeric=True)]
    columns.append(Column("Adjusted p", numeric=True))
    name = formats.metric_name(table["metric"][0])
    macro = "macro " if MACRO in table["finding"].to_list() else ""
    caption = f"Arm minus baseline, {macro}{name}, on the same resamples of patients. Computed on {content.scored_on}."
    notes = ["Single findings are in the CSV file."] if table["finding"].n_unique() > 1 else []
    return Table("above_baselines", caption, columns, rows, with_split(table, content), notes)


def _overall(table: pl.DataFrame | None) -> list[Row]:
    return [] if table is None else [row for row in overall_rows(table) if formats.known(row["estimate"])]


def what(name: str) -> str:
    """Return the input of a baseline, as in "age, sex and view", "an 8×8 thumbnail"."""
    return "an 8×8 thumbnail" if name == THUMBNAIL else name


def _untrained(name: str) -> str | None:
    """Return the name of an untrained encoder, as in "a random resnet18"; None for other baselines."""
    untrained = parse_untrained(name)
    return untrained and "a {} {}".format(*untrained)


def _shown(name: str) -> str:
    """Return the column title of a baseline, with a true multiplication sign."""
    return "8×8 thumbnail" if name == THUMBNAIL else name
