"""Incomplete training of arms, and comparison of each arm with its linear probe."""

from typing import Any

import polars as pl

from hilum.finetuning.monitoring import LearningSign
from hilum.report.content import ReportContent
from hilum.report.render import Cell, Column, Table, formats
from hilum.report.render.formats import finding_name
from hilum.report.rows import overall_rows
from hilum.report.sections import difference_cell, estimate_cell, macro_first, note_texts, order_of, with_split

_DESCRIPTIONS = {
    LearningSign.BEST_EPOCH_IS_LAST: "its validation loss was still decreasing at the end",
    LearningSign.LOSS_NEAR_CHANCE: "its final training loss is close to that of constant scores",
    LearningSign.SCORES_DO_NOT_SPREAD: "its scores are nearly equal for all images",
    LearningSign.WORSE_THAN_LINEAR_PROBE: "a linear probe of its initial weights has a higher score",
}


def unfinished_arms(content: ReportContent) -> dict[str, list[str]]:
    """Return the arms with incomplete training in most seeds, with the signs, in the report's order."""
    if content.learning is None:
        return {}
    shown = content.learning.filter(2 * pl.col("seeds") > pl.col("of_seeds"))
    found: dict[str, list[str]] = {}
    for arm in content.arms:
        signs = [LearningSign(sign) for sign in shown.filter(pl.col("arm") == arm.name)["sign"]]
        if signs:
            found[arm.name] = [_DESCRIPTIONS[sign] for sign in signs]
    return found


def before_the_verdict(content: ReportContent) -> str:
    """Return the warning of incomplete training at the start of the verdict; empty without any."""
    arms = list(unfinished_arms(content))
    if not arms:
        return ""
    whose = "its" if len(arms) == 1 else "their"
    named = formats.describe_arms(arms, len(content.arms))
    return f"{named} had not finished learning: {whose} differences are not conclusive. "


def cautions(content: ReportContent) -> list[str]:
    """List the signs of incomplete training of each arm, with the fix."""
    unfinished = unfinished_arms(content)
    if not unfinished:
        return []
    groups: dict[str, list[str]] = {}
    for arm, shown in unfinished.items():
        groups.setdefault(formats.listing(shown) if len(unfinished) > formats.MOST_NAMED else arm, []).append(arm)
    signs = [
        f"{formats.describe_arms(arms, len(content.arms))}: {formats.listing(unfinished[arms[0]])}"
        for arms in groups.values()
    ]
    return [f"Incomplete training: {'; '.join(signs)}. Use more steps, or a higher learning rate."]


def probes_table(content: ReportContent) -> Table | None:
    """Tabulate by finding and arm: fine-tuned model, linear probe of its initial weights, and their difference."""
    table = content.probe_metrics
    if table is None or table.is_empty():
        return None
    metric = table["metric"][0]
    table = table.filter(pl.col("metric") == metric)
    probes = {(row["arm"], row["finding"]): row for row in table.to_dicts()}
    own = content.metrics.filter(pl.col("metric") == metric)
    tuned: dict[tuple[str, str], dict[str, Any]] = {(row["arm"], row["finding"]): row for row in own.to_dicts()}
    gains = {} if content.probe_comparisons is None else {
        (row["arm"], row["finding"]): row for row in content.probe_comparisons.to_dicts()
    }  # fmt: skip
    unfinished = unfinished_arms(content)
    rows = []
    for finding in macro_first(table["finding"].to_list()):
        for arm in content.arms:
            key = (arm.name, finding)
            gain = gains.get(key)
            rows.append(
                [
                    Cell(finding_name(finding)),
                    Cell(arm.title, None, "warning" if arm.name in unfinished else ""),
                    estimate_cell(tuned.get(key)),
                    estimate_cell(probes.get(key)),
                    difference_cell(gain) if gain else Cell("–", None, "faint"),
                    Cell(formats.p_value(gain["p"]), order_of(gain["p"])) if gain else Cell("–", None, "faint"),
                ]
            )
    columns = [
        Column("Finding"), Column("Arm"), Column("Fine-tuned", numeric=True), Column("Linear probe", numeric=True),
        Column("Difference (95 % CI)", numeric=True), Column("p", numeric=True),
    ]  # fmt: skip
    caption = (
        f"{formats.capital(formats.metric_name(metric))} of each arm and of a linear probe: logistic regression on the "
        f"frozen features of its initial weights, with the same labels. Computed on {content.scored_on}."
    )
    notes = [f"{arm}: {formats.listing(signs)}." for arm, signs in unfinished.items()]
    notes += [note for note in note_texts(table) if note not in note_texts(content.metrics)]
    return Table("linear_probes", caption, columns, rows, with_split(table, content), notes)


def learning_table(content: ReportContent) -> Table | None:
    """Tabulate the signs of incomplete training; None without any."""
    table = content.learning
    if table is None or table.is_empty():
        return None
    titles = {arm.name: arm.title for arm in content.arms}
    rows = [
        [
            Cell(titles.get(row["arm"], row["arm"])),
            Cell(_DESCRIPTIONS[LearningSign(row["sign"])]),
            Cell(f"{row['seeds']} of {row['of_seeds']}", row["seeds"] / row["of_seeds"]),
        ]
        for row in table.to_dicts()
    ]
    columns = [Column("Arm"), Column("Sign"), Column("Seeds", numeric=True)]
    return Table("learning", "Signs of incomplete training.", columns, rows, table)


def leading_probe(content: ReportContent) -> list[str]:
    """Summarise the linear probes, averaged over findings, in one sentence."""
    rows = [] if content.probe_metrics is None else overall_rows(content.probe_metrics)
    known = [row for row in rows if formats.known(row["estimate"])]
    if not known:
        return []
    if len(known) > formats.MOST_NAMED:
        low, high = (pick(known, key=lambda row: row["estimate"]) for pick in (min, max))
        lowest, highest = (f"{formats.decimal(row['estimate'])} ({row['arm']})" for row in (low, high))
        return [f"Linear probes of the arms' initial weights, with the same labels, reach {lowest} to {highest}."]
    parts = [f"{row['arm']} {formats.decimal(row['estimate'])}" for row in known]
    return [f"Linear probes of the arms' initial weights, with the same labels: {formats.listing(parts)}."]
