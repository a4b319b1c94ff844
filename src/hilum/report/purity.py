"""How far classes lie apart in the features, beside what chance would give."""

import polars as pl

from hilum.evaluate.notes import TOO_NARROW, TRUSTED_PATIENTS
from hilum.report import formats
from hilum.report.blocks import Cell, Column, Table
from hilum.report.content import ReportContent
from hilum.report.tables import estimate_cell, order_of


def purity_table(content: ReportContent) -> Table | None:
    """Neighbour purity and silhouette of every class; None where they were not computed."""
    table = content.purity
    if table is None or table.is_empty():
        return None
    keys = ["class", "grouping", *(["arm"] if "arm" in table.columns else [])]
    places = {(*(row[key] for key in keys), row["metric"]): row for row in table.to_dicts()}
    metrics = table["metric"].unique(maintain_order=True).to_list()
    rows = []
    for name, grouping, *arm in table.select(keys).unique(maintain_order=True).iter_rows():
        first = places.get((name, grouping, *arm, metrics[0]), {})
        rows.append(
            [
                Cell(name),
                Cell(str(grouping).replace("_", " ")),
                *map(Cell, arm),
                *(estimate_cell(places.get((name, grouping, *arm, metric))) for metric in metrics),
                Cell(formats.decimal(first.get("chance")), order_of(first.get("chance"))),
                Cell(formats.count(first.get("films")), order_of(first.get("films"))),
            ]
        )
    columns = [Column("Class"), Column("Classes by"), *([Column("Features of")] if "arm" in keys else [])]
    columns += [Column(formats.capital(metric.replace("_", " ")), numeric=True) for metric in metrics]
    columns += [Column(f"Chance of {metrics[0].replace('_', ' ')}", numeric=True), Column("Films", numeric=True)]
    notes = ["Of the features themselves, not of the pictures; neighbours are of other patients."]
    few = list(dict.fromkeys(table.filter(pl.col("note") != "")["class"]))
    if few:
        notes.append(f"Fewer than {TRUSTED_PATIENTS} patients, so that {TOO_NARROW}: {formats.listing(few)}.")
    caption = "How far classes lie apart, with 95 % intervals over patients."
    return Table("purity", caption, columns, rows, table, notes)
