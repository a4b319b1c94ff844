"""Tables of label issues: flagged labels, estimated noise rates, and agreement with adjudicated labels."""

import polars as pl

from hilum.report.content import ReportContent
from hilum.report.render import Cell, Column, Table, formats
from hilum.report.sections.results import order_of
from hilum.wording import counted

SHOWN_ISSUES = 5
"""Number of issues shown for each finding."""


def noise_tables(content: ReportContent) -> list[Table]:
    """Tabulate flagged labels by finding, the top issues, and agreement with adjudicated labels, where available."""
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
    """Tabulate the flagged labels by finding; `table` of `hilum.evaluation.rank_label_issues`."""
    rows = [
        [
            Cell(row["finding"]),
            _count(row["n"]),
            _count(row["positives"]),
            _count(row["flagged_positives"]),
            _count(row["flagged_negatives"]),
            _fraction(row["noise_rate_positives"]),
            _fraction(row["noise_rate_negatives"]),
            Cell(formats.decimal(row["auroc_ceiling"]), order_of(row["auroc_ceiling"])),
        ]
        for row in table.to_dicts()
    ]
    columns = [Column("Finding")] + [
        Column(title, numeric=True)
        for title in (
            "Images", "Positive", "Flagged positives", "Flagged negatives", "Noise rate, positives",
            "Noise rate, negatives", "AUROC ceiling",
        )
    ]  # fmt: skip
    notes = [
        "Estimated by confident learning: a flagged label is a candidate for review, not an error.",
        "Ceiling: the AUROC of a perfect model, evaluated on these labels.",
        *(f"{row['finding']}: {row['note']}." for row in table.filter(pl.col("note") != "").to_dicts()),
    ]
    return Table("noise", "Flagged labels and estimated noise rates.", columns, rows, table, notes)


def _issues(table: pl.DataFrame) -> Table:
    top = table.filter(pl.col("is_label_issue") & (pl.col("rank") <= SHOWN_ISSUES))
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
    columns.append(Column("Predicted probability", numeric=True))
    total = int(table["is_label_issue"].sum())
    notes = [f"{counted(total, 'flagged label')} in the CSV file."] if total > len(rows) else []
    issues = table.filter(pl.col("is_label_issue"))
    return Table("label_issues", "Most probable label errors of each finding.", columns, rows, issues, notes)


def agreement_table(table: pl.DataFrame) -> Table:
    """Tabulate text-mined against adjudicated labels; `table` of `hilum.evaluation.google_agreement`."""
    rows = [
        [
            Cell(row["finding"]),
            Cell(row["nlp_label"]),
            _count(row["n"]),
            Cell(f"{row['discordant']:,} ({100 * row['discordant'] / max(row['n'], 1):.0f} %)", row["discordant"]),
            *(_with_interval(row, name) for name in ("kappa", "sensitivity", "specificity")),
            Cell(formats.decimal(row["auroc_ceiling"]), order_of(row["auroc_ceiling"])),
        ]
        for row in table.to_dicts()
    ]
    columns = [
        Column("Adjudicated"), Column("Mined as"), Column("Images", numeric=True),
        Column("Discordant", numeric=True), Column("Kappa", numeric=True), Column("Sensitivity", numeric=True),
        Column("Specificity", numeric=True), Column("AUROC ceiling", numeric=True),
    ]  # fmt: skip
    caption = "Text-mined labels against adjudicated labels, with 95 % intervals over patients."
    return Table("agreement", caption, columns, rows, table)


def _count(value: float | None) -> Cell:
    return Cell(formats.count(value), order_of(value), "" if formats.known(value) else "faint")


def _fraction(value: float | None) -> Cell:
    if value is None or not formats.known(value):
        return Cell("–", None, "faint")
    return Cell(f"{100 * value:.1f} %", value)


def _with_interval(row: dict[str, float | None], name: str) -> Cell:
    return Cell(formats.estimate(row[name], row[f"{name}_ci_low"], row[f"{name}_ci_high"]), order_of(row[name]))
