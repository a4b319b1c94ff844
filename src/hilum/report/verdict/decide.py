"""Verdict of a report in a few sentences, computed from the comparisons.

Significance is decided by the adjusted p-value only. A difference that is not significant is never called equality:
the sentence states the difference that this test set could have detected.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from hilum.evaluation.metrics import AVERAGES, MACRO
from hilum.notes import Code, read_codes
from hilum.report.content import ArmSummary, ReportContent
from hilum.report.render import formats
from hilum.report.rows import Direction, Row, direction, overall_rows
from hilum.report.sections import baselines
from hilum.report.verdict import evidence, learning, sample_size, start_differences
from hilum.report.verdict.records import VerdictCode, VerdictRecord
from hilum.wording import counted

_NO_CAUTION = (Code.SEVERAL_SPELLINGS,)
"""Notes on images that do not affect a result: they concern training and test images alike."""


_UNTESTED = {Code.NO_CASES, Code.ONE_PATIENT, Code.TOO_FEW_PATIENTS, Code.NOTHING_TO_AVERAGE}
"""Codes of comparisons that are not tested because of too few patients."""


@dataclass(frozen=True)
class Verdict:
    """Verdict at the top of the page.

    Args:
        headline: Main result in one line.
        sentences: Numbers of the result.
        cautions: Limitations: training on test patients, one seed.
        records: Evidence and required sample sizes, with codes; their sentences are among the others.
    """

    headline: str
    sentences: list[str]
    cautions: list[str]
    records: list[VerdictRecord] = field(default_factory=list)


def decide(content: ReportContent) -> Verdict:
    """Compute the verdict on the first metric of the tables, averaged over findings."""
    pairs = overall_rows(content.comparisons)
    scores = sorted(
        (row for row in overall_rows(content.metrics) if formats.known(row["estimate"])),
        key=lambda row: -row["estimate"],
    )
    if not scores and (not pairs or content.reference is None):
        headline = "No result: no average over findings could be estimated."
        return Verdict(learning.before_the_verdict(content) + headline, [], _all_cautions(content))
    if not pairs:
        headline, sentences = _without_comparison(scores, content)
    elif content.pairs:
        headline, sentences = _named_pairs(pairs)
    elif content.reference is None:
        headline, sentences = _all_pairs(pairs, scores, content)
    else:
        headline, sentences = _versus_reference(pairs, content)
    first = [record for record in (_beside_baselines(content), evidence.few_seeds(content)) if record is not None]
    supporting, required = evidence.records(content), sample_size.records(content)
    weakens = [record.sentence for record in supporting if record.code is VerdictCode.UNANNOUNCED_LOOK]
    supports = [record.sentence for record in supporting if record.code is not VerdictCode.UNANNOUNCED_LOOK]
    sentences_below = [*sentences, *supports, *(record.sentence for record in required), *_by_finding(content)]
    sentences_below += [*learning.leading_probe(content), *baselines.sentences(content)]
    before = "".join(f"{record.sentence}{': ' if record.code is VerdictCode.FEW_SEEDS else ' '}" for record in first)
    headline = learning.before_the_verdict(content) + before + headline
    return Verdict(
        headline,
        [*_labels(content), *sentences_below],
        [*weakens, *_all_cautions(content)],
        [*first, *supporting, *required],
    )


def _beside_baselines(content: ReportContent) -> VerdictRecord | None:
    """Report pretrained arms that are not significantly better than a shortcut baseline, at the very start."""
    pretrained = [arm.name for arm in content.arms if arm.is_pretrained]
    behind, best = baselines.not_above_blind(content, pretrained)
    if not behind:
        return None
    verb = "is" if len(behind) == 1 else "are"
    named = formats.describe_arms(behind, len(content.arms))
    sentence = f"{named} {verb} not significantly better than a shortcut baseline of {baselines.what(best)}."
    return VerdictRecord(
        VerdictCode.BASELINE_NOT_BEATEN, sentence, values={"baseline": best, "arms": ", ".join(behind)}
    )


def _all_cautions(content: ReportContent) -> list[str]:
    """Collect all limitations; failed training comes first."""
    return [
        *_generated(content),
        *content.failed,
        *learning.cautions(content),
        *cautions(content.arms),
        *start_differences.cautions(content.arms),
        *baselines.cautions(content),
        *(f"{data}: {each}." for data, each in content.warnings if each.code not in _NO_CAUTION),
    ]


def _generated(content: ReportContent) -> list[str]:
    """Warn of synthetic test images."""
    tested = [data for data in content.data if data.split_title]
    if not tested or not all(data.generated for data in tested):
        return []
    return ["The test images are synthetic: the results test the software and do not apply to patients."]


def _labels(content: ReportContent) -> list[str]:
    """State the fraction of labels used for training, if it is below 100 %."""
    if content.labelled is None or content.labelled.is_empty() or content.labelled["percent"][0] >= 100:
        return []
    return [f"Labels: {content.labelled_description}."]


def cautions(arms: Sequence[ArmSummary]) -> list[str]:
    """Warn of training on test patients and of single seeds."""
    texts = []
    trained_on = [arm.name for arm in arms if arm.trained_on_test_patients]
    if trained_on:
        were, their = ("were", "their") if len(trained_on) > 1 else ("was", "its")
        texts.append(
            f"{formats.describe_arms(trained_on, len(arms))} {were} trained on test patients: {their} results, and "
            "differences from other arms, are too optimistic."
        )
    texts += _not_known([arm for arm in arms if arm.trained_on_test_patients is None], len(arms))
    if any(len(arm.seeds) == 1 for arm in arms):
        texts.append("Trained with one seed: the variation between training runs is not known.")
    return texts


def _not_known(arms: Sequence[ArmSummary], among: int) -> list[str]:
    """Warn of arms with unknown training on test patients; arms with the same reasons share a sentence."""
    named: dict[str, list[str]] = {}
    for arm in arms:
        named.setdefault("; ".join(each.sentence for each in arm.unknown_exposures), []).append(arm.name)
    return [
        f"Whether {formats.describe_arms(names, among)} {'were' if len(names) > 1 else 'was'} trained on test patients "
        f"is not known{f': {why}' if why else ''}."
        for why, names in named.items()
    ]


def _versus_reference(pairs: list[Row], content: ReportContent) -> tuple[str, list[str]]:
    reference = str(content.reference)
    pairs = [row for row in pairs if row["reference"] == reference]
    groups: dict[Direction, list[Row]] = {"better": [], "worse": [], "open": [], "unknown": []}
    for row in pairs:
        groups[direction(row)].append(row)
    named = {
        key: formats.describe_arms([_marked(row["arm"], content) for row in rows], len(content.arms))
        for key, rows in groups.items()
    }
    clauses = []
    if groups["better"]:
        clauses.append(
            f"{named['better']} {'beat' if len(groups['better']) > 1 else 'beats'} {_marked(reference, content)}"
        )
    if groups["worse"]:
        clauses.append(
            f"{named['worse']} {'are' if len(groups['worse']) > 1 else 'is'} worse than {_marked(reference, content)}"
        )
    if groups["open"] and not clauses:
        arms = "" if len(pairs) == len(groups["open"]) > 1 else f" of {named['open']}"
        clauses.append(f"No difference{arms} from {_marked(reference, content)} can be shown")
    elif groups["open"]:
        clauses.append(f"for {named['open']} no difference can be shown")
    if groups["unknown"]:
        clauses.append(f"{named['unknown']} could not be compared with {_marked(reference, content)}")

    basis = _basis(content)
    sentences = []
    if any(_UNTESTED & set(read_codes(row.get("codes"))) for row in groups["unknown"]):
        sentences.append(
            "Not tested: too few positive or negative patients among the test images. Label more, or add test images."
        )
    measure = _measure(pairs[0]) if pairs else ""
    verbs: dict[Direction, str] = {"better": "beats", "worse": "is worse than"}
    for key, verb in verbs.items():
        if groups[key]:
            parts = [
                f"{row['arm']} {verb} {reference} by {formats.decimal(abs(row['difference']))} {measure}"
                f" ({_signed_interval(row)}, {formats.p_statement(row['p_adjusted'])}{basis if i == 0 else ''})"
                for i, row in enumerate(groups[key])
            ]
            sentences.append(f"{formats.listing(parts)}.")
            basis = ""
    if groups["open"]:
        sentences.append(_open_sentence(groups["open"], reference, measure, basis))
    return "; ".join(clauses) + ".", sentences


def _named_pairs(pairs: list[Row]) -> tuple[str, list[str]]:
    """Describe the pairs that the study names, one by one."""
    words = {"better": "is better than", "worse": "is worse than"}
    clauses, sentences = [], []
    for row in pairs:
        found = direction(row)
        if found in words:
            clauses.append(f"{row['arm']} {words[found]} {row['reference']}")
        else:
            clauses.append(f"between {row['arm']} and {row['reference']} no difference can be shown")
        difference = formats.difference(row["difference"], row["ci_low"], row["ci_high"])
        could = _could_have_shown([row]) if found == "open" else ""
        sentences.append(
            f"{row['arm']} minus {row['reference']}: {difference}, {formats.p_statement(row['p_adjusted'])}{could}."
        )
    return formats.capital("; ".join(clauses)) + ".", sentences


def _all_pairs(pairs: list[Row], scores: list[Row], content: ReportContent) -> tuple[str, list[str]]:
    best = scores[0]["arm"]
    rows = [row if row["arm"] == best else _turned(row) for row in pairs if best in (row["arm"], row["reference"])]
    beaten = [row["reference"] for row in rows if direction(row) == "better"]
    tied = [row["reference"] for row in rows if direction(row) != "better"]
    others_differ = any(direction(row) in ("better", "worse") for row in pairs)
    name = _marked(best, content)
    if not tied:
        headline = f"{name} is better than {formats.listing([_marked(arm, content) for arm in beaten])}."
    elif not others_differ:
        headline = "No difference between the arms can be shown."
    elif not beaten:
        headline = f"{name} is highest, but no difference from any other arm can be shown; other arms differ."
    else:
        headline = (
            f"{name} is better than {formats.listing(beaten)}; from {formats.listing(tied)} no difference can be shown."
        )
    measure = _measure(scores[0])
    sentences = [f"{_score_sentence(scores[0])}{_basis(content, ' on ')}."]
    parts = [
        f"from {row['reference']} by {formats.difference(row['difference'], row['ci_low'], row['ci_high'])}, "
        f"{formats.p_statement(row['p_adjusted'])}"
        for row in rows
    ]
    if parts:
        could = _could_have_shown([row for row in rows if direction(row) == "open"])
        sentences.append(f"It differs in {measure} {'; '.join(parts)}{could}.")
    return headline, sentences


def _without_comparison(scores: list[Row], content: ReportContent) -> tuple[str, list[str]]:
    best, measure = scores[0], _measure(scores[0])
    name = _marked(best["arm"], content)
    sentence = f"{_score_sentence(best)}{_basis(content, ' on ')}."
    if len(content.arms) < 2:
        headline = f"{name} reaches {formats.decimal(best['estimate'])} {measure}."
        return headline, [sentence, "There is no other arm for comparison."]
    rest = formats.listing(
        [f"{row['arm']} {formats.estimate(row['estimate'], row['ci_low'], row['ci_high'])}" for row in scores[1:]]
    )
    headline = f"{name} has the highest {measure}, but the arms were not compared."
    caveat = "Overlap of intervals is not a test of a difference: name a reference arm for a test."
    return headline, [sentence, *([f"Other arms: {rest}."] if rest else []), caveat]


def _by_finding(content: ReportContent) -> list[str]:
    table = content.comparisons
    if table.is_empty() or content.reference is None:
        return []
    tested = pl.col("p_adjusted").cast(pl.Float64).fill_nan(None).is_not_null()
    rows = table.filter(
        (pl.col("metric") == table["metric"][0]) & ~pl.col("finding").is_in(list(AVERAGES)) & tested
    ).to_dicts()
    number = len({row["finding"] for row in rows})
    if number < 2:
        return []
    clauses = []
    for arm in dict.fromkeys(row["arm"] for row in rows):
        found = {
            key: [row["finding"] for row in rows if row["arm"] == arm and direction(row) == key]
            for key in ("better", "worse")
        }
        texts = [f"{key} in {len(names)}{_few(names)}" for key, names in found.items() if names]
        if texts:
            clauses.append(f"{arm} is {formats.listing(texts)}")
    differences = "; ".join(clauses) if clauses else "no arm differs in any"
    return [f"Single findings ({number} tested, adjusted): {differences}."]


def _few(names: list[str]) -> str:
    return f" ({formats.listing(names)})" if len(names) <= 3 else ""


def _open_sentence(rows: list[Row], reference: str, measure: str, basis: str) -> str:
    if len(rows) > formats.MOST_NAMED:
        low, high = (pick(rows, key=lambda row: row["difference"]) for pick in (min, max))
        ends = [f"{formats.decimal(row['difference'])} ({row['arm']})" for row in (low, high)]
        least = formats.p_statement(min(row["p_adjusted"] for row in rows))
        return (
            f"The differences of {len(rows)} arms from {reference} in {measure} are {ends[0]} to {ends[1]}; none is "
            f"significant (lowest {least}{basis}; see Comparisons){_could_have_shown(rows)}."
        )
    parts = [
        f"{formats.decimal(row['difference'])} for {row['arm']}"
        f" ({_signed_interval(row, label=i == 0)}, {formats.p_statement(row['p_adjusted'])}{basis if i == 0 else ''})"
        for i, row in enumerate(rows)
    ]
    return f"The difference from {reference} in {measure} is {formats.listing(parts)}{_could_have_shown(rows)}."


def _could_have_shown(rows: list[Row]) -> str:
    """Format as in "; this test set could have shown 0.021 (80 % power)"; empty where unknown."""
    detectable = [
        row["minimum_detectable_difference"] for row in rows if formats.known(row.get("minimum_detectable_difference"))
    ]
    if not detectable:
        return ""
    low, high = formats.decimal(min(detectable)), formats.decimal(max(detectable))
    return f"; this test set could have shown {low if low == high else f'{low} to {high}'} (80 % power)"


def _score_sentence(row: Row) -> str:
    interval = (
        f" (95 % CI {formats.decimal(row['ci_low'])} to {formats.decimal(row['ci_high'])})"
        if formats.known(row["ci_low"]) and formats.known(row["ci_high"])
        else " (no interval could be computed)"
    )
    return f"{row['arm']} reaches {formats.decimal(row['estimate'])} {_measure(row)}{interval}"


def _signed_interval(row: Row, *, label: bool = True) -> str:
    """Format the interval in the direction in which the sentence states the difference."""
    if not (formats.known(row["ci_low"]) and formats.known(row["ci_high"])):
        return "no interval could be computed"
    turned = _turned(row) if direction(row) == "worse" else row
    return f"{'95 % CI ' if label else ''}{formats.decimal(turned['ci_low'])} to {formats.decimal(turned['ci_high'])}"


def _turned(row: Row) -> Row:
    """Return the comparison with the arms exchanged."""
    negative = {name: None if row[name] is None else -row[name] for name in ("difference", "ci_low", "ci_high")}
    ends = {"difference": negative["difference"], "ci_low": negative["ci_high"], "ci_high": negative["ci_low"]}
    return {**row, "arm": row["reference"], "reference": row["arm"], **ends}


def _basis(content: ReportContent, before: str = "; ") -> str:
    """Format the sample size as in "; 842 images of 601 patients, 3 seeds", as far as known."""
    row = next(iter(overall_rows(content.metrics)), {})
    texts = []
    if row.get("n"):
        patients = f" of {counted(row['patients'], 'patient')}" if row.get("patients") else ""
        texts.append(f"{counted(row['n'], 'image')}{patients}")
    numbers = {len(arm.seeds) for arm in content.arms} - {0}
    if numbers:
        low, high = min(numbers), max(numbers)
        texts.append(counted(high, "seed") if low == high else f"{low} to {high} seeds")
    return f"{before}{', '.join(texts)}" if texts else ""


def _measure(row: Row) -> str:
    name = formats.metric_name(row["metric"])
    return f"macro {name}" if row["finding"] == MACRO else f"{name} for {row['finding']}"


def _marked(arm: str, content: ReportContent) -> str:
    trained_on = any(summary.name == arm and summary.trained_on_test_patients for summary in content.arms)
    return f"{arm} (trained on test patients)" if trained_on else arm
