"""What a verdict rests on: seeds, spread between runs, the chance of a repeat, practical size, looks taken."""

from typing import Any

import numpy as np

from hilum.report.content import SIGNIFICANT, ReportContent
from hilum.report.render import formats
from hilum.report.rows import Row, direction, overall_rows
from hilum.report.sections import joint_statistic
from hilum.report.verdict.records import VerdictCode, VerdictRecord

FEW_SEEDS = 2
"""So many seeds or fewer make no finding: the spread between runs rests on one difference, or on none."""


def few_seeds(content: ReportContent) -> VerdictRecord | None:
    """Where something is shown by one or two seeds only."""
    seeds = min((len(arm.seeds) for arm in content.arms if arm.seeds), default=0)
    shown = any(direction(row) in ("better", "worse") for row in overall_rows(content.comparisons))
    if not shown or not 0 < seeds <= FEW_SEEDS:
        return None
    sentence = f"A hint, not a finding ({formats.plural(seeds, 'seed')})"
    return VerdictRecord(VerdictCode.FEW_SEEDS, sentence, values={"seeds": seeds})


def records(content: ReportContent) -> list[VerdictRecord]:
    """Of all comparisons of the verdict, in their order."""
    rows = overall_rows(content.comparisons)
    if content.reference is not None and not content.pairs:
        rows = [row for row in rows if row["reference"] == content.reference]
    made = [
        _together(content),
        _runs(rows),
        _repeat(rows),
        _shared_start(content),
        *_practical_size(rows, content),
        *_looks(content),
    ]
    return [record for record in made if record is not None]


def _together(content: ReportContent) -> VerdictRecord | None:
    """Three arms or more, tested at once, averaged over findings."""
    if content.joint is None or content.joint.is_empty():
        return None
    rows = [row for row in overall_rows(content.joint) if formats.known(row["p_adjusted"])]
    if not rows:
        return None
    row = rows[0]
    shown = row["p_adjusted"] < SIGNIFICANT
    text = "are not all alike" if shown else "are not shown to differ from one another"
    sentence = (
        f"Tested together, the {row['arms']} arms {text} ({joint_statistic(row)}, "
        f"{formats.p_statement(row['p_adjusted'])})."
    )
    values = {name: row[name] for name in ("arms", "statistic", "df", "df_error", "p", "p_adjusted")}
    return VerdictRecord(VerdictCode.JOINT, sentence, values=values)


def _runs(rows: list[Row]) -> VerdictRecord | None:
    """How far one run lies from the next."""
    known = [row for row in rows if formats.known(row.get("between_seeds"))]
    if not known:
        return None
    spread = {row["arm"]: float(np.sqrt(row["between_seeds"] + row["within_seeds"])) for row in known}
    low, high = formats.decimal(min(spread.values())), formats.decimal(max(spread.values()))
    seeds = min(row["seeds"] for row in known)
    between = low if low == high else f"{low} to {high}"
    sentence = (
        f"It rests on {formats.plural(seeds, 'seed')} an arm; from one training to the next the number varies by "
        f"{between} (SD)."
    )
    return VerdictRecord(
        VerdictCode.RUNS, sentence, values={"seeds": seeds, **{f"sd_{k}": v for k, v in spread.items()}}
    )


def _repeat(rows: list[Row]) -> VerdictRecord | None:
    """How likely new seeds show again what is shown."""
    shown = [
        row for row in rows if direction(row) in ("better", "worse") and formats.known(row.get("prob_replication"))
    ]
    if not shown:
        return None
    chances = [_chance(row["prob_replication"]) for row in shown]
    parts = [f"{chance} for {row['arm']}" for chance, row in zip(chances, shown, strict=True)]
    parts = parts if len(rows) > 1 else chances
    sentence = f"Chance that a repeat with as many new seeds shows it again: {formats.listing(parts)}."
    return VerdictRecord(VerdictCode.REPEAT, sentence, values={row["arm"]: row["prob_replication"] for row in shown})


def _shared_start(content: ReportContent) -> VerdictRecord | None:
    """Intervals and the chance of a repeat know nothing of how one training of a start differs from the next."""
    arms = {arm.name: len(arm.seeds) for arm in content.arms if arm.shared_start}
    if not arms:
        return None
    sentence = (
        f"In {formats.listing(list(arms))}, all seeds go on from one training of the start: intervals, tests and "
        "chances speak of that one, and another training of it may differ by more than they say."
    )
    return VerdictRecord(VerdictCode.SHARED_START, sentence, values=arms)


def _chance(share: float) -> str:
    """In percent; never certain."""
    return "over 99 %" if share > 0.99 else f"{100 * share:.0f} %"


def _practical_size(rows: list[Row], content: ReportContent) -> list[VerdictRecord]:
    """The difference beside the margin that was named beforehand."""
    margin = margin_of(content)
    if margin is None:
        return []
    made = []
    for row in rows:
        if not (formats.known(row["ci_low"]) and formats.known(row["ci_high"])):
            continue
        low, high = sorted((abs(row["ci_low"]), abs(row["ci_high"])))
        crosses = row["ci_low"] <= 0 <= row["ci_high"]
        values = {"margin": margin, "ci_low": row["ci_low"], "ci_high": row["ci_high"]}
        pair = f"{row['arm']} and {row['reference']}"
        if not crosses and low > margin:
            code, text = VerdictCode.ABOVE_MARGIN, "differ by more than the margin"
        elif high < margin:
            code, text = VerdictCode.BELOW_MARGIN, "differ by less than the margin: whatever there is does not matter"
        elif crosses:
            continue
        else:
            code, text = VerdictCode.AROUND_MARGIN, "differ, but whether by enough to matter is not shown"
        sentence = f"{pair} {text} ({formats.decimal(margin)}, named beforehand)."
        made.append(VerdictRecord(code, sentence, row["arm"], row["reference"], values))
    return made


def margin_of(content: ReportContent) -> float | None:
    """The difference that was named as the largest that does not matter; None where none was."""
    if content.margins is None or content.margins.is_empty():
        return None
    return float(content.margins["margin"][0])


def _looks(content: ReportContent) -> list[VerdictRecord]:
    look = content.look
    if look is None or (look.number == 1 and look.announced == 1):
        return []
    values: dict[str, Any] = {"look": look.number, "announced": look.announced, "level": look.level}
    if look.number > look.announced:
        sentence = (
            f"This is look {look.number} with other seeds, {look.announced} announced: looking until something shows "
            "claims more than 5 % false differences."
        )
        return [VerdictRecord(VerdictCode.UNANNOUNCED_LOOK, sentence, values=values)]
    sentence = (
        f"Look {look.number} of {look.announced} that were announced: at this one a difference is called shown below "
        f"p = {look.level:.2g}, and adjusted p-values are stretched so that this is 0.05."
    )
    return [VerdictRecord(VerdictCode.LOOK, sentence, values=values)]
