"""Tables of external validation: AUROC on each test set, and its drop from the internal test set."""

import polars as pl

from hilum.evaluation.metrics import MACRO, overall_finding
from hilum.report.content import SIGNIFICANT, ReportContent
from hilum.report.render import Cell, Column, Table, formats
from hilum.report.render.formats import finding_name
from hilum.report.sections.results import macro_first, order_of


def external_tables(content: ReportContent) -> list[Table]:
    """Tabulate the matrix of the mean over findings, and all single findings."""
    table = content.external
    if table is None or table.is_empty():
        return []
    return [_matrix(table), _cells(table)]


def _matrix(table: pl.DataFrame) -> Table:
    overall = overall_finding(table["finding"].to_list())
    macro = table.filter(pl.col("finding") == overall)
    model_of = _model_column(table)
    places = {(row[model_of], row["tested_on"]): row for row in macro.to_dicts()}
    trained, tested = (macro[name].unique(maintain_order=True).to_list() for name in (model_of, "tested_on"))
    rows = [[Cell(model), *(_cell(places.get((model, where))) for where in tested)] for model in trained]
    columns = [
        Column("Arm" if model_of == "arm" else "Trained on"),
        *(Column(f"Tested on {where}", numeric=True) for where in tested),
    ]
    notes = ["In brackets the 95 % interval; ↓ drop from the internal test set, ↑ gain."]
    notes += [f"{formats.capital(note)}." for note in macro["note"].unique(maintain_order=True) if note]
    what = "Macro AUROC" if overall == MACRO else f"AUROC for {overall}"
    shared = "over the findings that all models have in common" if overall == MACRO else "the common finding"
    caption = f"{what}, {shared}, of each model on each test set."
    return Table("external_matrix", caption, columns, rows, macro, notes)


def _model_column(table: pl.DataFrame) -> str:
    """Return the column that identifies models: the arm, if several were trained on one data set."""
    return "arm" if "arm" in table.columns else "trained_on"


def _cell(row: dict[str, float] | None) -> Cell:
    if row is None:
        return Cell("–", None, "faint")
    if not formats.known(row["estimate"]):
        return Cell("not estimable", None, "faint")
    text = formats.estimate(row["estimate"], row["ci_low"], row["ci_high"])
    if row["trained_on"] == row["tested_on"]:
        return Cell(f"{text} internal", row["estimate"])
    if formats.known(row["generalisation_gap"]):
        text += f" {'↓' if row['generalisation_gap'] >= 0 else '↑'} {abs(row['generalisation_gap']):.3f}"
    return Cell(text, row["estimate"])


def _cells(table: pl.DataFrame) -> Table:
    away = table.filter(pl.col("trained_on") != pl.col("tested_on"))
    findings = macro_first(away["finding"].to_list())
    ordered = sorted(away.to_dicts(), key=lambda row: findings.index(row["finding"]))
    rows = [
        [
            Cell(finding_name(row["finding"])),
            Cell(f"{f'{arm}: ' if (arm := row.get('arm')) else ''}{row['trained_on']} → {row['tested_on']}"),
            Cell(formats.estimate(row["estimate"], row["ci_low"], row["ci_high"]), order_of(row["estimate"])),
            Cell(formats.decimal(row["internal"]), order_of(row["internal"])),
            _drop(row),
            Cell(formats.p_value(row["p"]), order_of(row["p"])),
            *(
                []
                if "arm" in row
                else [Cell(formats.decimal(row["in_distribution"]), order_of(row["in_distribution"]))]
            ),
        ]
        for row in ordered
    ]
    columns = [
        Column("Finding"), Column("Trained → tested"), Column("AUROC (95 % CI)", numeric=True),
        Column("Internal", numeric=True), Column("Drop (95 % CI)", numeric=True), Column("p", numeric=True),
        *([] if "arm" in table.columns else [Column("Model trained there", numeric=True)]),
    ]  # fmt: skip
    caption = "External test sets. Drop: internal minus external AUROC of two independent test sets; p is not adjusted."
    return Table("external", caption, columns, rows, table)


def _drop(row: dict[str, float]) -> Cell:
    if not formats.known(row["generalisation_gap"]):
        return Cell("–", None, "faint")
    text = formats.difference(
        row["generalisation_gap"], row["generalisation_gap_ci_low"], row["generalisation_gap_ci_high"], signed=True
    )
    shown = formats.known(row["p"]) and row["p"] < SIGNIFICANT
    return Cell(text, row["generalisation_gap"], "warning" if shown and row["generalisation_gap"] > 0 else "")
