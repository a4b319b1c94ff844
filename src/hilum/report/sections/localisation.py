"""Tables of localisation scores of heat maps: estimates, and differences."""

import polars as pl

from hilum.evaluation.inference import TRUSTED_PATIENTS
from hilum.explanation.localisation import ALL_BOXES, MACRO, METRICS
from hilum.report.content import SIGNIFICANT
from hilum.report.render import Cell, Column, Table, formats

METRIC_TITLES = {
    "pointing": "pointing game",
    "energy": "energy in box",
    "overlap": "overlap",
    "iou": "IoU",
    "iou25": "IoU > 0.25",
    "iou50": "IoU > 0.5",
    "ap25": "AP25",
    "ap50": "AP50",
}
"""Names of the scores for readers, in the order of `METRICS`."""


def statistics_tables(statistics: pl.DataFrame | None) -> list[Table]:
    """Tabulate `box_statistics.parquet` of `hilum explain`: estimates and differences; none without boxes."""
    if statistics is None or statistics.is_empty():
        return []
    own, differences = (
        statistics.filter(pl.col("reference").is_null()),
        statistics.filter(pl.col("reference").is_not_null()),
    )
    return [_estimates(own), _differences(differences)]


def _estimates(rows: pl.DataFrame) -> Table:
    columns = [Column("Finding"), Column("Maps"), Column("Images", numeric=True), Column("Patients", numeric=True)]
    shown = []
    for group in rows.partition_by("finding", "arm", maintain_order=True):
        first = group.row(0, named=True)
        by_metric = {row["metric"]: row for row in group.iter_rows(named=True)}
        cells = [_number(by_metric[metric]) for metric in METRICS]
        shown.append(
            [
                Cell(_row_title(first["finding"])),
                Cell(first["arm"]),
                Cell(formats.count(first["images"]), first["images"]),
                Cell(formats.count(first["patients"]), first["patients"]),
                *cells,
            ]
        )
    return Table(
        "boxes",
        "Localisation of annotated boxes by heat maps, with 95 % intervals over patients.",
        [*columns, *(Column(formats.capital(METRIC_TITLES[metric]), numeric=True) for metric in METRICS)],
        _by_finding(shown),
        rows,
        _notes(rows),
    )


def _differences(rows: pl.DataFrame) -> Table:
    shown = []
    for row in rows.iter_rows(named=True):
        p = row["p_adjusted"] if row["p_adjusted"] is not None else row["p"]
        text = formats.difference(row["estimate"], row["ci_low"], row["ci_high"], signed=True)
        certain = p is not None and p < SIGNIFICANT and row["patients"] >= TRUSTED_PATIENTS and row["estimate"]
        shown.append(
            [
                Cell(_row_title(row["finding"])),
                Cell(METRIC_TITLES[row["metric"]]),
                Cell(f"{row['arm']} − {row['reference']}"),
                Cell(text, row["estimate"], ("better" if row["estimate"] > 0 else "worse") if certain else ""),
                Cell(formats.p_value(p), p),
            ]
        )
    titles = [Column("Finding"), Column("Score"), Column("Maps"), Column("Difference", numeric=True)]
    return Table(
        "differences",
        "Paired differences on the same resamples of patients, with 95 % intervals.",
        [*titles, Column("p", numeric=True)],
        _by_finding(shown),
        rows,
        [
            "p is two-sided. For single findings it is adjusted over the findings of one score and pair "
            "(Benjamini–Hochberg); for rows over all findings it is not adjusted.",
        ],
    )


def _number(row: dict[str, float]) -> Cell:
    return Cell(formats.estimate(row["estimate"], row["ci_low"], row["ci_high"]), row["estimate"])


def _row_title(finding: str) -> str:
    return "mean over findings" if finding == MACRO else finding


def _by_finding(rows: list[list[Cell]]) -> list[list[Cell]]:
    """Sort rows by finding, averages over findings first; the order of the maps is kept."""
    first = (_row_title(MACRO), ALL_BOXES)
    names = [cells[0].text for cells in rows]
    order = [*(name for name in first if name in names), *(name for name in dict.fromkeys(names) if name not in first)]
    return sorted(rows, key=lambda cells: order.index(cells[0].text))


def _notes(rows: pl.DataFrame) -> list[str]:
    text = rows.filter(pl.col("note") != "").select("finding", "note").unique(maintain_order=True)
    return [f"{_row_title(finding)}: {note}" for finding, note in text.iter_rows()]
