"""Minimum detectable differences of a study's test set, from its numbers of images and patients."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from hilum.evaluation.inference import Assumptions, TestSet, number_or_null, smallest_detectable_difference
from hilum.evaluation.metrics import MACRO
from hilum.evaluation.predictions import LEAST_PATIENTS, count_cases
from hilum.notes import Code, note, note_columns, read_codes
from hilum.study.plan.predictions import in_units, labels
from hilum.study.prepared import Prepared


def power_of(prepared: Prepared) -> dict[str, Any]:
    """Return the minimum detectable differences of a task; see `detectable_differences`."""
    study = prepared.study
    units = in_units(prepared, labels(prepared), prepared.labelled)
    return detectable_differences(units, study.task.findings, study.evaluate.min_positive_patients)


def describe_power(power: dict[str, Any]) -> str:
    """Describe the minimum detectable difference of the mean over findings, or of the only finding.

    Args:
        power: Result of `detectable_differences`.

    Example:
        >>> describe_power({"rows": [{"smallest_difference": 0.0412, "note": "mean of 3 of 4 findings"}]})
        'This test set can show a difference of at least 0.041 in AUROC, mean of 3 of 4 findings.'
    """
    smallest, note = power["rows"][0]["smallest_difference"], power["rows"][0]["note"]
    if smallest is None:
        return f"This test set cannot show a difference in AUROC: {_undetectable(power)}."
    return f"This test set can show a difference of at least {smallest:.3f} in AUROC{f', {note}' if note else ''}."


def _undetectable(power: dict[str, Any]) -> str:
    """Return why no difference is detectable: too few patients, or none even with a perfect arm."""
    if any(Code.NOT_DETECTABLE in read_codes(row.get("codes")) for row in power["rows"]):
        return "not even with a perfect arm"
    least = power["min_positive_patients"]
    return f"no finding has {least} positive and {least} negative patients"


def detectable_differences(labels: pl.DataFrame, findings: Sequence[str], min_positive_patients: int) -> dict[str, Any]:
    """Compute the minimum detectable difference in AUROC between two arms, for the mean and for each finding.

    Test labels are only counted.

    Args:
        labels: Table `split, patient_id, y_<finding>` from `hilum.study.plan.predictions.labels`.
        findings: Findings of the task.
        min_positive_patients: Findings with fewer positive, or fewer negative, patients are excluded from the mean.

    Returns:
        `assumed` (AUROC of the weaker arm, correlation of the arms, power, significance level; see
        `hilum.evaluation.Assumptions`), `min_positive_patients` (the limit used), and `rows`, the mean first, then each
        finding: finding, positives, negatives, patients, positive_patients, smallest_difference (None if no difference
        is detectable), note and codes.
    """
    assumed = Assumptions()
    test = labels.filter(pl.col("split") == "test")
    values = test.select(f"y_{finding}" for finding in findings).cast(pl.Float64).fill_null(float("nan")).to_numpy()
    owners = test["patient_id"].rank("dense").cast(pl.Int32).to_numpy() - 1
    cases = count_cases(values, owners)
    min_positive_patients = max(min_positive_patients, LEAST_PATIENTS)
    included = cases.enough(min_positive_patients)
    rows: list[dict[str, Any]] = []
    counted = {}
    for at, finding in enumerate(findings):
        row: dict[str, Any] = {
            "finding": finding,
            "positives": int(cases.positives[at]),
            "negatives": int(cases.negatives[at]),
            "patients": int(cases.patients[at]),
            "positive_patients": int(cases.positive_patients[at]),
            "smallest_difference": None,
            **note_columns([]),
        }
        if included[at]:
            counted[finding] = TestSet(row["positives"], row["negatives"], row["patients"])
            row["smallest_difference"] = number_or_null(smallest_detectable_difference(counted[finding], assumed))
            row |= note_columns([] if row["smallest_difference"] else [note(Code.NOT_DETECTABLE)])
        else:
            row |= note_columns([note(Code.POWER_TOO_FEW_PATIENTS, min_positive_patients=min_positive_patients)])
        rows.append(row)
    mean = {
        "finding": MACRO,
        "positives": None,
        "negatives": None,
        "patients": int(cases.patients.max(initial=0)),
        "positive_patients": None,
        "smallest_difference": number_or_null(smallest_detectable_difference(counted, assumed)) if counted else None,
        **note_columns([note(Code.POWER_OF_MEAN, findings=len(counted), of=len(findings))]),
    }
    assumptions = {
        "auroc": assumed.auroc,
        "correlation": assumed.correlation,
        "power": assumed.power,
        "significance": assumed.significance,
    }
    return {
        "assumed": assumptions,
        "min_positive_patients": min_positive_patients,
        "rows": [mean, *rows] if len(findings) > 1 else rows,
    }
