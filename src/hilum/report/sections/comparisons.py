"""Further comparisons of arms: wins and losses, ranks over findings, equivalence margins, joint tests."""

from typing import Any

import polars as pl

from hilum.evaluation.metrics import AVERAGES
from hilum.evaluation.tables import wins_table
from hilum.report.content import ReportContent
from hilum.report.render import Cell, Column, Table, formats
from hilum.report.render.formats import finding_name, place_of
from hilum.report.sections.results import difference_cell, order_of, with_split
from hilum.wording import counted


def standings_table(content: ReportContent) -> Table | None:
    """Tabulate the number of findings that each arm wins, ties and loses after adjustment, by metric."""
    if content.comparisons.is_empty():
        return None
    findings = set(content.comparisons["finding"]) - set(AVERAGES)
    wins = wins_table(content.comparisons, averages=AVERAGES)
    if wins.is_empty() or len(findings) < 2:  # one finding: the comparison itself is enough
        return None
    titles = {arm.name: arm.title for arm in content.arms}
    pairs = wins.select("arm", "reference").unique(maintain_order=True).rows()
    places = {(row["arm"], row["reference"], row["metric"]): row for row in wins.to_dicts()}
    rows = [
        [Cell(formats.capital(formats.metric_name(metric))), *(_counts(places.get((*pair, metric))) for pair in pairs)]
        for metric in wins["metric"].unique(maintain_order=True)
    ]
    columns = [Column("Metric")]
    columns += [
        Column(f"{titles.get(arm, arm)} against {titles.get(other, other)}", numeric=True) for arm, other in pairs
    ]
    caption = f"Findings won / tied / lost at adjusted p < 0.05. Computed on {content.scored_on}."
    notes = ["A tie is a difference that is not significant, not evidence of equality."]
    return Table("wins", caption, columns, rows, with_split(wins, content), notes)


def _counts(row: dict[str, int] | None) -> Cell:
    if row is None:
        return Cell("–", None, "faint")
    return Cell(f"{row['wins']} / {row['ties']} / {row['losses']}", row["wins"] - row["losses"])


def ranks_table_of(content: ReportContent) -> Table | None:
    """Tabulate mean ranks over findings; None for one finding."""
    if content.ranks is None or content.ranks.is_empty() or content.ranks["n_findings_ranked"][0] < 2:
        return None
    titles = {arm.name: arm.title for arm in content.arms}
    rows = [
        [
            Cell(titles.get(row["arm"], row["arm"])),
            Cell(_interval(row["mean_rank"], row["ci_low"], row["ci_high"]), row["mean_rank"]),
            Cell(f"{100 * row['prob_best']:.0f} %", row["prob_best"]),
        ]
        for row in content.ranks.to_dicts()
    ]
    columns = [Column("Arm"), Column("Mean rank (95 % CI)", numeric=True), Column("Best in resamples", numeric=True)]
    measured = formats.metric_name(content.ranks["metric"][0])
    over = counted(int(content.ranks["n_findings_ranked"][0]), "finding")
    caption = f"Ranks by {measured} over {over}; 1 is best. Computed on {content.scored_on}."
    return Table("ranks", caption, columns, rows, with_split(content.ranks, content))


def margins_table_of(content: ReportContent) -> Table | None:
    """Tabulate the tests of non-inferiority and equivalence at the prespecified margin."""
    if content.margins is None or content.margins.is_empty():
        return None
    titles = {arm.name: arm.title for arm in content.arms}
    ordered = sorted(content.margins.to_dicts(), key=lambda row: place_of(row["finding"]))
    rows = [
        [
            Cell(finding_name(row["finding"])),
            Cell(f"{titles.get(row['arm'], row['arm'])} − {titles.get(row['reference'], row['reference'])}"),
            difference_cell({**row, "p_adjusted": None}),
            Cell(formats.p_value(row["p_noninferiority"]), order_of(row["p_noninferiority"])),
            Cell(formats.p_value(row["p_tost_adjusted"]), order_of(row["p_tost_adjusted"])),
            Cell(row["conclusion"]),
        ]
        for row in ordered
    ]
    columns = [
        Column("Finding"), Column("Comparison"), Column("Difference (95 % CI)", numeric=True),
        Column("p of non-inferiority", numeric=True), Column("Adjusted p of equivalence", numeric=True),
        Column("Conclusion"),
    ]  # fmt: skip
    margin = content.margins["margin"][0]
    measured = formats.metric_name(content.margins["metric"][0])
    caption = f"Non-inferiority and equivalence at a prespecified margin of {margin:g} {measured}. "
    caption += f"Computed on {content.scored_on}."
    return Table("margins", caption, columns, rows, with_split(content.margins, content))


def joint_table_of(content: ReportContent) -> Table | None:
    """Tabulate the joint test of three or more arms."""
    if content.joint is None or content.joint.is_empty():
        return None
    first = content.joint.filter(pl.col("metric") == content.joint["metric"][0])
    rows = [
        [
            Cell(finding_name(row["finding"])),
            Cell(joint_statistic(row), row["statistic"]),
            Cell(formats.p_value(row["p"]), order_of(row["p"])),
            Cell(formats.p_value(row["p_adjusted"]), order_of(row["p_adjusted"])),
        ]
        for row in sorted(first.to_dicts(), key=lambda row: place_of(row["finding"]))
    ]
    columns = [
        Column("Finding"), Column("Statistic", numeric=True), Column("p", numeric=True),
        Column("Adjusted p", numeric=True),
    ]  # fmt: skip
    measured = formats.metric_name(first["metric"][0])
    caption = f"Joint test of differences in {measured} between the {first['arms'][0]} arms. Computed on "
    caption += f"{content.scored_on}."
    notes = ["DeLong's contrast over patients, and over seeds where arms have several."]
    return Table("joint", caption, columns, rows, with_split(content.joint, content), notes)


def joint_statistic(row: dict[str, Any]) -> str:
    """Format the statistic as in "F(2, 11.4) = 6.10" or "χ²(2) = 6.10"."""
    if formats.known(row["df_error"]):
        return f"F({row['df']}, {row['df_error']:.1f}) = {row['statistic'] / max(row['df'], 1):.2f}"
    return f"χ²({row['df']}) = {row['statistic']:.2f}"


def _interval(value: float, low: float | None, high: float | None) -> str:
    if low is None or high is None or pl.Series([low, high]).is_nan().any():
        return f"{value:.2f} (no interval)"
    return f"{value:.2f} ({low:.2f}–{high:.2f})"
