"""Table of threshold metrics, with the choice of the thresholds."""

import numpy as np
import polars as pl

from hilum.evaluation.metrics import AVERAGES, THRESHOLD_METRICS
from hilum.evaluation.thresholds import Thresholds
from hilum.report.content import ReportContent
from hilum.report.render import Cell, Column, Table, formats
from hilum.report.render.formats import finding_name
from hilum.report.sections.results import dagger, estimate_cell, macro_first, with_split
from hilum.threshold_rule import parse_rule


def threshold_table(content: ReportContent) -> Table | None:
    """Tabulate thresholds and threshold metrics by finding and arm; None without thresholds."""
    table = content.metrics.filter(pl.col("metric").is_in(list(THRESHOLD_METRICS)))
    if table.is_empty():
        return None
    metrics = [name for name in THRESHOLD_METRICS if name in set(table["metric"])]
    places = {(row["arm"], row["finding"], row["metric"]): row for row in table.to_dicts()}
    cuts = {arm.name: mean_thresholds(content, arm.name) for arm in content.arms}
    rows = []
    for finding in macro_first(table["finding"].to_list()):
        for arm in content.arms:
            if (arm.name, finding, metrics[0]) not in places:
                continue
            cut = cuts[arm.name].get(finding)
            shown = Cell("–" if finding in AVERAGES else _cut(cut), None if cut is None or np.isnan(cut) else cut)
            numbers = [estimate_cell(places.get((arm.name, finding, metric))) for metric in metrics]
            rows.append([Cell(finding_name(finding)), Cell(arm.title), shown, *numbers])
    columns = [Column("Finding"), Column("Arm"), Column("Threshold", numeric=True)]
    columns += [Column(formats.capital(formats.metric_name(name)), numeric=True) for name in metrics]
    caption = f"Threshold metrics, with 95 % intervals over patients. Computed on {content.scored_on}."
    notes = [*where_chosen(content), *dagger(content.arms)]
    return Table("at_thresholds", caption, columns, rows, with_split(_with_cuts(table, cuts), content), notes)


def where_chosen(content: ReportContent) -> list[str]:
    """Describe how, and on which images, thresholds were chosen."""
    ways: dict[str, list[str]] = {}
    for arm, seeds in content.thresholds.items():
        for one in seeds:
            ways.setdefault(_way(one), []).append(arm)
    if len(ways) == 1:
        return [f"Thresholds: {next(iter(ways))}. They are fixed in the bootstrap."]
    return [f"Thresholds of {formats.listing(list(dict.fromkeys(arms)))}: {way}." for way, arms in ways.items()]


def mean_thresholds(content: ReportContent, arm: str) -> dict[str, float]:
    """Return the threshold of each finding, averaged over seeds."""
    seeds = content.thresholds.get(arm, ())
    return (
        {finding: float(np.mean([one.values[finding] for one in seeds])) for finding in seeds[0].values}
        if seeds
        else {}
    )


def _way(thresholds: Thresholds) -> str:
    if thresholds.chosen_on is None:
        return f"{thresholds.rule}, prespecified"
    kind, level = parse_rule(thresholds.rule)
    known = {"youden": "largest sensitivity + specificity (Youden)", "f1": "largest F1"}
    on = f"{known.get(kind, f'{kind} of at least {level:g}')}, chosen on {thresholds.chosen_on}"
    return f"{on}, the evaluated images themselves: results are optimistic" if thresholds.optimistic else on


def _cut(value: float | None) -> str:
    if value is None or np.isnan(value):
        return "–"
    return "not reached" if np.isinf(value) else f"{value:.3g}"


def _with_cuts(table: pl.DataFrame, cuts: dict[str, dict[str, float]]) -> pl.DataFrame:
    values = [cuts.get(arm, {}).get(finding) for arm, finding in table.select("arm", "finding").iter_rows()]
    return table.with_columns(pl.Series("threshold", values, dtype=pl.Float64))
