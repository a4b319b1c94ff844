"""Sample size that would detect a difference which is not significant: seeds, or test patients, and their cost."""

from hilum.evaluation.inference import SeedTest, seeds_to_show, times_patients_to_show
from hilum.report.content import ReportContent
from hilum.report.render import formats
from hilum.report.rows import Row, direction, overall_rows
from hilum.report.verdict.evidence import margin_of
from hilum.report.verdict.records import VerdictCode, VerdictRecord
from hilum.wording import counted

_MOST_PATIENTS, _MOST_SEEDS = 1000, 100
"""Largest proposed factor of patients, and number of seeds per arm. With few test patients, their variance component is
often estimated as zero, which would result in very large numbers of seeds."""


def records(content: ReportContent) -> list[VerdictRecord]:
    """Return a record of each comparison of the verdict that is not significant and has variance components."""
    rows = overall_rows(content.comparisons)
    if content.reference is not None and not content.pairs:
        rows = [row for row in rows if row["reference"] == content.reference]
    open_rows = [row for row in rows if direction(row) == "open" and formats.known(row.get("between_seeds"))]
    margin = margin_of(content)
    return [_record(row, margin, content) for row in open_rows]


def _record(row: Row, margin: float | None, content: ReportContent) -> VerdictRecord:
    """Compute the sample size for the prespecified margin, or for the observed difference."""
    test = _test_of(row)
    target = margin if margin is not None else abs(row["difference"])
    named = f"{formats.decimal(target)} ({'margin' if margin is not None else 'observed'})"
    if margin is None:
        seeds, times = row.get("seeds_to_show"), row.get("times_patients_to_show")
    else:
        seeds, times = seeds_to_show(test, target), times_patients_to_show(test, target)
    seeds = None if seeds is None or seeds > _MOST_SEEDS else seeds
    now = row["seeds"]
    further = None if seeds is None else max(seeds - now, 0)
    seconds = None if further is None else _seconds(row, further, content)
    values = {
        "difference": target, "seeds": seeds, "further_seeds": further, "seconds": seconds, "times_patients": times,
    }  # fmt: skip
    means = []
    if seeds is not None:
        cost = f", about {formats.duration(seconds)} of training" if seconds else ""
        means.append(f"{counted(seeds, 'seed')} per arm ({further:,} more{cost})")
    if times is not None and times < _MOST_PATIENTS:
        means.append(f"{times:.{1 if times < 10 else 0}f} times as many test patients")
    pair = f"between {row['arm']} and {row['reference']}"
    if not means:
        sentence = (
            f"A difference of {named} {pair} would not be detected by {_MOST_SEEDS} seeds on these test patients, nor "
            f"by {_MOST_PATIENTS:,} times as many test patients with these seeds."
        )
        return VerdictRecord(VerdictCode.NOT_SETTLED, sentence, row["arm"], row["reference"], values)
    code = VerdictCode.SETTLED_BY_SEEDS if seeds is not None else VerdictCode.SETTLED_BY_PATIENTS
    only = "" if seeds is not None else f", but not by {_MOST_SEEDS} seeds on these"
    sentence = f"Sample size: a difference of {named} {pair} is detected with 80 % power by {' or '.join(means)}{only}."
    return VerdictRecord(code, sentence, row["arm"], row["reference"], values)


def _test_of(row: Row) -> SeedTest:
    """Rebuild the test from its variance components, with infinite degrees of freedom of the patients."""
    seeds, share = row["seeds"], 2 / row["seeds"]
    return SeedTest(
        difference=row["difference"],
        between_seeds=row["between_seeds"],
        within_seeds=row["within_seeds"],
        between_patients=row["between_patients"],
        seeds=(seeds, seeds),
        share=share,
        from_seeds=(row["between_seeds"] + row["within_seeds"]) * share,
        df_seeds=max(2 * (seeds - 1), 1),
        df_patients=float("inf"),
    )


def _seconds(row: Row, further: int, content: ReportContent) -> float | None:
    """Compute the training time of further seeds of both arms, in s; None where unknown."""
    both = [arm for arm in content.arms if arm.name in (row["arm"], row["reference"])]
    if any(arm.seconds is None or not arm.seeds for arm in both) or len(both) < 2:
        return None
    return further * sum(float(arm.seconds or 0) / len(arm.seeds) for arm in both)
