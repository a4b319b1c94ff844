"""External validation: models trained on one data set, tested on all data sets, for their common findings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.declared import check_ranges
from hilum.errors import HilumError
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.columns import schema
from hilum.evaluation.estimation import Resampled, arms_of_layers, bootstrap_layers
from hilum.evaluation.inference import (
    effective_n_patients,
    estimate_columns,
    number_or_null,
    percentile_interval,
    two_sided_p,
)
from hilum.evaluation.metrics import MACRO
from hilum.evaluation.predictions import Predictions, count_cases
from hilum.evaluation.predictions.align import align
from hilum.evaluation.settings import EvaluationSettings
from hilum.notes import Code, note, note_columns
from hilum.progress import ProgressReport, silent

EXTERNAL_SCHEMA = schema(
    "trained_on tested_on finding estimate ci_low ci_high internal generalisation_gap generalisation_gap_ci_low"
    " generalisation_gap_ci_high p in_distribution note codes"
)


def external_validation(
    cells: Mapping[tuple[str, str], Sequence[Predictions]],
    *,
    n_bootstrap: int = BootstrapConfig.n_bootstrap,
    seed: int = 0,
    min_positive_patients: int = EvaluationSettings.min_positive_patients,
    on_progress: ProgressReport = silent,
) -> pl.DataFrame:
    """Compute the AUROC of every model on every test set, and the generalisation gap to its internal test set.

    Args:
        cells: For each (trained on, tested on) the predictions, one table a seed. Models tested on one data set must be
            tested on the same images. Findings that are not in all tables are excluded and reported.
        n_bootstrap: Number of bootstrap samples, at least 40. Test sets are resampled independently, models on the same
            resamples.
        seed: Random seed of the resamples.
        min_positive_patients: Findings with fewer positive (or negative) patients in any test set are excluded from the
            mean.
        on_progress: Receives the number of completed test sets.

    Returns:
        Rows macro, then findings, for each cell: trained_on, tested_on, finding, estimate, ci_low, ci_high (95 %),
        internal (the same model on the test set of its training data set), generalisation_gap (internal - estimate)
        with generalisation_gap_ci_low, generalisation_gap_ci_high and two-sided p (of two independent test sets),
        in_distribution (the model trained on this data set, tested here), note. Gap and p are null for internal tests,
        and where the model has no internal test.

    Raises:
        HilumError: No common findings, predictions do not match, or too few resamples.
    """
    check_ranges(BootstrapConfig, n_bootstrap=n_bootstrap)
    shared, left_out = _shared_findings(cells)
    test_sets = list(dict.fromkeys(tested for _, tested in cells))
    measured: dict[tuple[str, str], Resampled] = {}
    included = np.ones(len(shared), dtype=np.bool_)
    aligned, rarer = {}, {}
    for tested in test_sets:
        arms = {
            trained: [replace(one, findings=shared) for one in seeds]
            for (trained, on), seeds in cells.items()
            if on == tested
        }
        aligned[tested] = align(arms)
        cases = count_cases(aligned[tested].labels, aligned[tested].patients)
        order = [aligned[tested].findings.index(finding) for finding in shared]
        included &= cases.enough(min_positive_patients)[order]
        rarer[tested] = np.minimum(cases.positive_patients, cases.negative_patients)[order]
    for number, tested in enumerate(test_sets):
        order = [aligned[tested].findings.index(finding) for finding in shared]
        here = np.zeros(len(shared), dtype=np.bool_)
        here[order] = included
        layers = bootstrap_layers(aligned[tested], n_bootstrap=n_bootstrap, seed=seed + number, included=here)
        for trained, arm in arms_of_layers(aligned[tested], layers).items():
            places = [*order, len(shared)]
            measured[trained, tested] = Resampled(arm.auroc.estimate[places], arm.auroc.resampled[places])
        on_progress(number + 1, len(test_sets), tested)
    behind = {tested: _patients_behind(counts, included) for tested, counts in rarer.items()}
    notes = [note(Code.FINDINGS_NOT_SHARED, findings=", ".join(left_out))] if left_out else []
    averages = [(len(shared), MACRO)] if len(shared) > 1 else []
    rows = [
        _row(measured, behind, cell, at) | {"finding": finding} | note_columns(notes if place == 0 else [])
        for cell in cells
        for place, (at, finding) in enumerate([*averages, *enumerate(shared)])
    ]
    return pl.DataFrame(rows, schema=EXTERNAL_SCHEMA)


def _shared_findings(cells: Mapping[tuple[str, str], Sequence[Predictions]]) -> tuple[list[str], list[str]]:
    tables = [table for seeds in cells.values() for table in seeds]
    every = list(dict.fromkeys(finding for table in tables for finding in table.findings))
    shared = [finding for finding in every if all(finding in table.findings for table in tables)]
    if not shared:
        found = "; ".join(f"{table.name}: {', '.join(table.findings)}" for table in tables[:3])
        fix = "Evaluate models whose findings overlap."
        raise HilumError(
            "external validation", expected="a finding that all tables have", found=found or "none", fix=fix
        )
    return shared, [finding for finding in every if finding not in shared]


def _patients_behind(rarer: NDArray[np.int64], included: NDArray[np.bool_]) -> list[float | None]:
    """Return effective numbers of patients of each finding, then of their mean; None where not reported."""
    mean = effective_n_patients(rarer[included]) if included.any() else None
    return [*(float(count) if count >= 2 else None for count in rarer), mean]


def _row(
    measured: Mapping[tuple[str, str], Resampled],
    behind: Mapping[str, list[float | None]],
    cell: tuple[str, str],
    at: int,
) -> dict[str, object]:
    trained, tested = cell
    here = measured[cell]
    home, native = measured.get((trained, trained)), measured.get((tested, tested))
    patients = behind[tested][at]
    if patients is None:
        return {"trained_on": trained, "tested_on": tested}
    row: dict[str, object] = {
        "trained_on": trained,
        "tested_on": tested,
        **estimate_columns(here.estimate[at], percentile_interval(here.resampled[at], patients=patients)),
        "internal": None if home is None else number_or_null(float(home.estimate[at])),
        "in_distribution": None if native is None else number_or_null(float(native.estimate[at])),
    }
    internal_patients = behind[trained][at] if home is not None else None
    if home is None or internal_patients is None or trained == tested:
        return row
    drop, fewer = home.resampled[at] - here.resampled[at], min(patients, internal_patients)
    name, gap = "generalisation_gap", home.estimate[at] - here.estimate[at]
    row |= estimate_columns(gap, percentile_interval(drop, patients=fewer), name=name, prefix=f"{name}_")
    return row | {"p": number_or_null(two_sided_p(drop, patients=fewer))}
