"""AUROC with few positive or few negative patients, where redraws alone claim too much."""

from hilum.evaluate.cases import Cases
from hilum.evaluate.hanley_mcneil import score_interval
from hilum.evaluate.notes import TOO_NARROW

FEW_PATIENTS = 100
"""Below this the redraws of an AUROC hold the truth less often than they say (benchmarks/coverage_simulation.py)."""


def interval_for_few_patients(
    numbers: dict[str, float | None], notes: list[str], cases: Cases, at: int, *, seeds: int
) -> tuple[dict[str, float | None], list[str]]:
    """Newcombe's score interval of an AUROC, with patients as the cases, where they are few.

    It knows nothing of the spread between training runs, so with several seeds it is only used to widen.

    Args:
        numbers: estimate, low, high.
        notes: what is said of them so far.
        cases: counts of all findings.
        at: which finding.
        seeds: how many the estimate is a mean of.

    Returns:
        Numbers and notes; both as they were from 100 positive and 100 negative patients up.
    """
    positive, negative = int(cases.positive_patients[at]), int(cases.negative_patients[at])
    estimate = numbers["estimate"]
    if min(positive, negative) >= FEW_PATIENTS or estimate is None:
        return numbers, notes
    low, high = score_interval(estimate, positive, negative)
    if seeds > 1:
        drawn = [end for end in (numbers["low"], numbers["high"]) if end is not None]
        low, high = min([low, *drawn]), max([high, *drawn])
    side = "positive" if positive <= negative else "negative"
    note = f"{min(positive, negative)} {side} patients: score interval"
    kept = [given for given in notes if TOO_NARROW not in given and "percentile interval" not in given]
    return {"estimate": estimate, "low": low, "high": high}, [*kept, note]
