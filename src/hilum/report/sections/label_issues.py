"""Doubtful labels: how many a model doubts, how many adjudicated ones contradict, and what that costs."""

import polars as pl

from hilum.report.content import ReportContent
from hilum.report.render import Cell, Column, Table, formats
from hilum.report.sections.results import order_of

SHOWN_SUSPECTS = 5
"""Of each finding."""


def noise_tables(content: ReportContent) -> list[Table]:
    """Flagged labels by finding, the most flagged images, and agreement with adjudicated labels; what there is of
    it.
    """
    made = []
    for table, make in (
        (content.noise, noise_table),
        (content.issues, _issues),
        (content.agreement, agreement_table),
    ):
        if table is not None and not table.is_empty():
            made.append(make(table))
    return made


def noise_table(table: pl.DataFrame) -> Table:
    """How many labels are flagged, by finding; `table` as `hilum.evaluation.rank_label_issues` returns it."""
    rows = [
        [
            Cell(row["finding"]),
            _count(row["n"]),
            _count(row["positives"]),
            _count(row["flagged_positives"]),
            _count(row["flagged_negatives"]),
            _share(row["noise_rate_positives"]),
            _share(row["noise_rate_negatives"]),
            Cell(formats.decimal(row["auroc_ceiling"]), order_of(row["auroc_ceiling"])),
        ]
        for row in table.to_dicts()
    ]
    columns = [Column("Finding")] + [
        Column(title, numeric=True)
        for title in (
            "Images", "Positive", "FlaggedFinding positives", "FlaggedFinding negatives", "Wrong among positives",
            "Wrong among negatives", "AUROC ceiling",
        )
    ]  # fmt: skip
    notes = [
        "Estimated by confident learning: a flagged label is an image to look at, not an error.",
        "Ceiling: the AUROC of a model that is always right, judged by these labels.",
        *(f"{row['finding']}: {row['note']}." for row in table.filter(pl.col("note") != "").to_dicts()),
    ]
    return Table("noise", "Labels that a model doubts.", columns, rows, table, notes)


def _issues(table: pl.DataFrame) -> Table:
    top = table.filter(pl.col("is_label_issue") & (pl.col("rank") <= SHOWN_SUSPECTS))
    rows = [
        [
            Cell(row["finding"]),
            Cell(f"{row['rank']}", row["rank"]),
            Cell(row["image_id"]),
            Cell("positive" if row["label"] == 1 else "negative"),
            Cell(formats.decimal(row["probability"]), row["probability"]),
        ]
        for row in top.to_dicts()
    ]
    columns = [Column("Finding"), Column("Rank", numeric=True), Column("Image"), Column("Label")]
    columns.append(Column("Model says", numeric=True))
    total = int(table["is_label_issue"].sum())
    notes = [f"{formats.plural(total, 'flagged label')} in the CSV file."] if total > len(rows) else []
    issues = table.filter(pl.col("is_label_issue"))
    return Table("label_issues", "The most flagged labels of each finding.", columns, rows, issues, notes)


def agreement_table(table: pl.DataFrame) -> Table:
    """Text-mined labels against adjudicated ones; `table` as `hilum.evaluation.google_agreement` returns it."""
    rows = [
        [
            Cell(row["finding"]),
            Cell(row["nlp_label"]),
            _count(row["n"]),
            Cell(f"{row['discordant']:,} ({row['discordant'] / max(row['n'], 1):.0%})", row["discordant"]),
            *(_with_interval(row, name) for name in ("kappa", "sensitivity", "specificity")),
            Cell(formats.decimal(row["auroc_ceiling"]), order_of(row["auroc_ceiling"])),
        ]
        for row in table.to_dicts()
    ]
    columns = [
        Column("Adjudicated"), Column("Mined as"), Column("Images", numeric=True),
        Column("Contradicted", numeric=True), Column("Kappa", numeric=True), Column("Sensitivity", numeric=True),
        Column("Specificity", numeric=True), Column("AUROC ceiling", numeric=True),
    ]  # fmt: skip
    caption = "Text-mined labels beside those that radiologists agreed on, with 95 % intervals over patients."
    return Table("agreement", caption, columns, rows, table)


def _count(value: float | None) -> Cell:
    return Cell(formats.count(value), order_of(value), "" if formats.known(value) else "faint")


def _share(value: float | None) -> Cell:
    if value is None or not formats.known(value):
        return Cell("–", None, "faint")
    return Cell(f"{value:.1%}", value)


def _with_interval(row: dict[str, float | None], name: str) -> Cell:
    return Cell(formats.estimate(row[name], row[f"{name}_ci_low"], row[f"{name}_ci_high"]), order_of(row[name]))
