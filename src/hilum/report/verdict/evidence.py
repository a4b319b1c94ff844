"""Evidence of a verdict: seeds, variation between runs, replication probability, practical relevance, looks."""

from typing import Any

import numpy as np

from hilum.report.content import SIGNIFICANT, ReportContent
from hilum.report.render import formats
from hilum.report.rows import Row, direction, overall_rows
from hilum.report.sections import joint_statistic
from hilum.report.verdict.records import VerdictCode, VerdictRecord
from hilum.wording import counted

FEW_SEEDS = 2
"""Most seeds of a preliminary result: the variation between runs is estimated from one difference, or none."""


def few_seeds(content: ReportContent) -> VerdictRecord | None:
    """Return a record if a difference is significant with one or two seeds only."""
    seeds = min((len(arm.seeds) for arm in content.arms if arm.seeds), default=0)
    shown = any(direction(row) in ("better", "worse") for row in overall_rows(content.comparisons))
    if not shown or not 0 < seeds <= FEW_SEEDS:
        return None
    sentence = f"Preliminary ({counted(seeds, 'seed')})"
    return VerdictRecord(VerdictCode.FEW_SEEDS, sentence, values={"seeds": seeds})


def records(content: ReportContent) -> list[VerdictRecord]:
    """Return the records of all comparisons of the verdict, in their order."""
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
    """Report the joint test of three or more arms, averaged over findings."""
    if content.joint is None or content.joint.is_empty():
        return None
    rows = [row for row in overall_rows(content.joint) if formats.known(row["p_adjusted"])]
    if not rows:
        return None
    row = rows[0]
    shown = row["p_adjusted"] < SIGNIFICANT
    text = "differ" if shown else "do not differ significantly"
    sentence = (
        f"In a joint test the {row['arms']} arms {text} ({joint_statistic(row)}, "
        f"{formats.p_statement(row['p_adjusted'])})."
    )
    values = {name: row[name] for name in ("arms", "statistic", "df", "df_error", "p", "p_adjusted")}
    return VerdictRecord(VerdictCode.JOINT, sentence, values=values)


def _runs(rows: list[Row]) -> VerdictRecord | None:
    """Report the number of seeds and the standard deviation between training runs."""
    known = [row for row in rows if formats.known(row.get("between_seeds"))]
    if not known:
        return None
    spread = {row["arm"]: float(np.sqrt(row["between_seeds"] + row["within_seeds"])) for row in known}
    low, high = formats.decimal(min(spread.values())), formats.decimal(max(spread.values()))
    seeds = min(row["seeds"] for row in known)
    between = low if low == high else f"{low} to {high}"
    sentence = f"Based on {counted(seeds, 'seed')} per arm; standard deviation between training runs: {between}."
    return VerdictRecord(
        VerdictCode.RUNS, sentence, values={"seeds": seeds, **{f"sd_{k}": v for k, v in spread.items()}}
    )


def _repeat(rows: list[Row]) -> VerdictRecord | None:
    """Report the replication probability of significant differences."""
    shown = [
        row for row in rows if direction(row) in ("better", "worse") and formats.known(row.get("prob_replication"))
    ]
    if not shown:
        return None
    chances = [_chance(row["prob_replication"]) for row in shown]
    parts = [f"{chance} for {row['arm']}" for chance, row in zip(chances, shown, strict=True)]
    parts = parts if len(rows) > 1 else chances
    sentence = (
        f"Probability that a replication with as many new seeds is significant as well: {formats.listing(parts)}."
    )
    return VerdictRecord(VerdictCode.REPEAT, sentence, values={row["arm"]: row["prob_replication"] for row in shown})


def _shared_start(content: ReportContent) -> VerdictRecord | None:
    """Warn that the variation between pretraining runs is not included."""
    arms = {arm.name: len(arm.seeds) for arm in content.arms if arm.shared_start}
    if not arms:
        return None
    sentence = (
        f"All seeds of {formats.listing(list(arms))} are fine-tuned from one pretraining run: intervals, tests and "
        "probabilities do not include the variation between pretraining runs."
    )
    return VerdictRecord(VerdictCode.SHARED_START, sentence, values=arms)


def _chance(probability: float) -> str:
    """Format a probability in percent, at most "over 99 %"."""
    return "over 99 %" if probability > 0.99 else f"{100 * probability:.0f} %"


def _practical_size(rows: list[Row], content: ReportContent) -> list[VerdictRecord]:
    """Compare the differences with the prespecified margin."""
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
            code, text = VerdictCode.BELOW_MARGIN, "differ by less than the margin, which is not relevant"
        elif crosses:
            continue
        else:
            code, text = VerdictCode.AROUND_MARGIN, "differ, but not significantly by more than the margin"
        sentence = f"{pair} {text} ({formats.decimal(margin)}, prespecified)."
        made.append(VerdictRecord(code, sentence, row["arm"], row["reference"], values))
    return made


def margin_of(content: ReportContent) -> float | None:
    """Return the prespecified margin, the largest irrelevant difference; None for none."""
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
            f"This is look {look.number}, but the study file plans {counted(look.announced, 'look')}: repeated "
            "looks with new seeds increase the false positive rate above 5 %."
        )
        return [VerdictRecord(VerdictCode.UNANNOUNCED_LOOK, sentence, values=values)]
    sentence = (
        f"Look {look.number} of {look.announced} planned: the significance level of this look is {look.level:.2g}; "
        "adjusted p-values are rescaled so that it corresponds to 0.05."
    )
    return [VerdictRecord(VerdictCode.LOOK, sentence, values=values)]
