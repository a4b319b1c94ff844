"""Statistics of localisation scores: estimates and paired differences with bootstrap intervals over patients.

All kinds of maps use the same resamples, and intervals are expanded for few patients. A kind may have several
replicates, such as random weights of several seeds: its estimate is then the mean over them, and the interval is that
of the mean of these replicates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.evaluation.bootstrap import Counts, Statistic, bootstrap_statistics, point_estimate_counts
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.inference import (
    TRUSTED_PATIENTS,
    benjamini_hochberg,
    number_or_null,
    percentile_interval,
    two_sided_p,
)
from hilum.explanation.localisation.cases import BoxedCase
from hilum.explanation.localisation.detections import Detections, average_precision
from hilum.explanation.localisation.score_maps import MEANS, METRICS, PRECISIONS, ScoredMaps
from hilum.notes import Code, Note, note, note_columns
from hilum.progress import ProgressReport, silent

ALL_BOXES, MACRO = "all findings together", "macro"
"""Rows over findings: all images with equal weights; all findings of at least ten patients with equal weights."""
_LEAST_PATIENTS = 10
_SCHEMA = {
    **dict.fromkeys(("finding", "metric", "arm", "reference"), pl.String()),
    **dict.fromkeys(("estimate", "ci_low", "ci_high", "p", "p_adjusted"), pl.Float64()),
    **dict.fromkeys(("images", "patients", "boxes"), pl.Int64()),
    "note": pl.String(),
    "codes": pl.String(),
}


@dataclass(frozen=True)
class _Row:
    """Row of the table: a finding, or all of them, and its cases."""

    name: str
    cases: NDArray[np.int64]
    patients: int
    boxes: int


def box_statistics(
    cases: Sequence[BoxedCase],
    arms: Mapping[str, Sequence[ScoredMaps]],
    pairs: Sequence[tuple[str, str]],
    *,
    n_bootstrap: int = BootstrapConfig.n_bootstrap,
    seed: int = 0,
    on_progress: ProgressReport = silent,
) -> pl.DataFrame:
    """Compute estimates with 95 % intervals, and differences with p-values.

    Args:
        cases: N cases, at least one.
        arms: Scores of these cases by kind of map, one or more replicates each.
        pairs: Pairs of arms to compare: (arm, reference).
        n_bootstrap: Number of bootstrap resamples of patients.
        seed: Random seed of the resamples.
        on_progress: Receives the number of resamples done.

    Returns:
        `finding` (then `ALL_BOXES`, and `MACRO` where two findings have ten patients each), `metric` (of `METRICS`),
        `arm`, `reference` (null: the arm's own number), `estimate`, `low`, `high` (null with fewer than two patients),
        `p` (two-sided, of a difference), `p_adjusted` (Benjamini-Hochberg over the findings of a metric and a pair),
        `images`, `patients`, `boxes`, `note`, `codes`.
    """
    names = {patient: unit for unit, patient in enumerate(dict.fromkeys(case.patient_id for case in cases))}
    units = np.array([names[case.patient_id] for case in cases], dtype=np.int64)
    rows = _rows(cases, units)
    statistics = {
        f"{arm}\n{replicate}": _statistic(scored, units, rows)
        for arm, replicates in arms.items()
        for replicate, scored in enumerate(replicates)
    }
    whole = {name: values[:, None] for name, values in point_estimate_counts(statistics, len(names)).items()}
    drawn = bootstrap_statistics(statistics, len(names), n_bootstrap=n_bootstrap, seed=seed, on_progress=on_progress)
    estimates, resampled = _by_arm(whole, arms, rows), _by_arm(drawn, arms, rows)
    counted = [row.name for row in rows if row.name != ALL_BOXES and row.patients >= _LEAST_PATIENTS]
    if len(counted) > 1:
        among = [index for index, row in enumerate(rows) if row.name in counted]
        for values in (estimates, resampled):
            for arm, numbers in values.items():
                values[arm] = np.concatenate([numbers, numbers[among].mean(0, keepdims=True)])
        every = np.concatenate([rows[index].cases for index in among])
        rows.append(_Row(MACRO, every, len(np.unique(units[every])), sum(rows[index].boxes for index in among)))
    rows_of_table = []
    for arm, reference in [*((arm, None) for arm in arms), *pairs]:
        whole_of, drawn_of = estimates[arm], resampled[arm]
        if reference is not None:
            whole_of, drawn_of = whole_of - estimates[reference], drawn_of - resampled[reference]
        for m, metric in enumerate(METRICS):
            p = np.array(
                [
                    two_sided_p(drawn_of[r, m], patients=row.patients) if row.patients > 1 else np.nan
                    for r, row in enumerate(rows)
                ]
            )
            family = np.array([row.name not in (ALL_BOXES, MACRO) for row in rows])
            adjusted = benjamini_hochberg(np.where(family, p, np.nan))
            for r, row in enumerate(rows):
                low, high = (
                    percentile_interval(drawn_of[r, m], patients=row.patients) if row.patients > 1 else (np.nan, np.nan)
                )
                rows_of_table.append(
                    {
                        "finding": row.name,
                        "metric": metric,
                        "arm": arm,
                        "reference": reference,
                        "estimate": number_or_null(whole_of[r, m, 0]),
                        "ci_low": number_or_null(low),
                        "ci_high": number_or_null(high),
                        "p": number_or_null(p[r]) if reference is not None else None,
                        "p_adjusted": number_or_null(adjusted[r]) if reference is not None else None,
                        "images": len(row.cases),
                        "patients": row.patients,
                        "boxes": row.boxes,
                        **note_columns(_notes(row, len(counted))),
                    }
                )
    return pl.DataFrame(rows_of_table, _SCHEMA)


def _rows(cases: Sequence[BoxedCase], units: NDArray[np.int64]) -> list[_Row]:
    findings = np.array([case.finding for case in cases])
    groups = [(str(finding), np.flatnonzero(findings == finding)) for finding in np.unique(findings)]
    return [
        _Row(name, which, len(np.unique(units[which])), sum(len(cases[case].boxes) for case in which.tolist()))
        for name, which in [*groups, (ALL_BOXES, np.arange(len(cases)))]
    ]


def _statistic(scored: ScoredMaps, units: NDArray[np.int64], rows: Sequence[_Row]) -> Statistic:
    """Return the statistic of all metrics of all rows: metrics vary fastest."""
    patients = int(units.max()) + 1
    sums = np.zeros((len(rows), len(MEANS) + 1, patients))
    detections: list[list[Detections]] = []
    for r, row in enumerate(rows):
        for m in range(len(MEANS)):
            sums[r, m] = np.bincount(units[row.cases], scored.scores[row.cases, m], minlength=patients)
        sums[r, -1] = np.bincount(units[row.cases], minlength=patients)
        found = scored.detections.filter(pl.col("case").is_in(row.cases))
        of_patient = np.bincount(units[row.cases], scored.drawn[row.cases], minlength=patients).astype(np.int64)
        detections.append(
            [
                Detections(
                    units[found["case"].to_numpy()],
                    found["confidence"].to_numpy(),
                    found[f"right_{name}"].to_numpy().astype(np.bool_),
                    of_patient,
                )
                for name in PRECISIONS
            ]
        )

    def statistic(counts: Counts) -> NDArray[np.float64]:
        rows_of_table = np.empty((len(rows), len(METRICS), counts.shape[1]))
        for r in range(len(rows)):
            added = sums[r] @ counts.astype(np.float64)
            images = np.where(added[-1] > 0, added[-1], np.nan)
            rows_of_table[r, : len(MEANS)] = added[:-1] / images
            for m, of_level in enumerate(detections[r], start=len(MEANS)):
                rows_of_table[r, m] = average_precision(of_level, counts)
        return rows_of_table.reshape(-1, counts.shape[1])

    return statistic


def _by_arm(
    values: Mapping[str, NDArray[np.float64]], arms: Mapping[str, Sequence[ScoredMaps]], rows: Sequence[_Row]
) -> dict[str, NDArray[np.float64]]:
    """Return the values of each arm, (rows, metrics, B), averaged over its replicates."""
    return {
        arm: np.mean([values[f"{arm}\n{n}"] for n in range(len(replicates))], axis=0).reshape(
            len(rows), len(METRICS), -1
        )
        for arm, replicates in arms.items()
    }


def _notes(row: _Row, counted: int) -> list[Note]:
    if row.name == MACRO:
        return [note(Code.MEAN_OVER_BOXED, findings=counted, min_patients=_LEAST_PATIENTS)]
    if row.patients == 1:
        return [note(Code.NO_INTERVAL)]
    return [note(Code.FEW_PATIENTS_IN_ALL, patients=row.patients)] if row.patients < TRUSTED_PATIENTS else []
