"""How far classes lie apart in the features, beside what chance would give."""

from hilum.report import formats
from hilum.report.blocks import Cell, Column, Table
from hilum.report.content import ReportContent
from hilum.report.tables import estimate_cell, order_of, said_of


def purity_table(content: ReportContent) -> Table | None:
    """Neighbour purity and silhouette of every class; None where they were not computed."""
    table = content.purity
    if table is None or table.is_empty():
        return None
    places = {(row["grouping"], row["class"], row["metric"]): row for row in table.to_dicts()}
    metrics = table["metric"].unique(maintain_order=True).to_list()
    rows = []
    for grouping, name in table.select("grouping", "class").unique(maintain_order=True).iter_rows():
        first = places.get((grouping, name, metrics[0]), {})
        rows.append(
            [
                Cell(name),
                Cell(str(grouping).replace("_", " ")),
                *(estimate_cell(places.get((grouping, name, metric))) for metric in metrics),
                Cell(formats.decimal(first.get("chance")), order_of(first.get("chance"))),
                Cell(formats.count(first.get("films")), order_of(first.get("films"))),
            ]
        )
    columns = [Column("Class"), Column("Classes by")]
    columns += [Column(formats.capital(metric.replace("_", " ")), numeric=True) for metric in metrics]
    columns += [Column(f"Chance of {metrics[0].replace('_', ' ')}", numeric=True), Column("Films", numeric=True)]
    notes = ["Of the features themselves, not of the pictures; neighbours are of other patients."]
    notes += said_of(table.rename({"class": "finding"}))
    caption = "How far classes lie apart, with 95 % intervals over patients."
    return Table("purity", caption, columns, rows, table, notes)
