"""Whatever the number of patients on either side, and whatever minimum is asked for: a number with a note, or none."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings, strategies as st

from hilum.evaluation import (
    AVERAGES,
    METRICS,
    choose_thresholds,
    comparisons_table,
    equivalence_table,
    evaluate_subgroups,
    measure_arms,
    metrics_table,
    ranks_table,
)
from hilum.evaluation.inference import effective_n_patients, percentile_interval, two_sided_p
from hilum.evaluation.predictions import Predictions, as_predictions
from hilum.evaluation.tables import UNDERDIAGNOSIS
from hilum.study.plan import detectable_differences

FINDINGS = ["Effusion", "Mass"]


def table_of(labels: np.ndarray, seed: int) -> pl.DataFrame:
    scores = np.random.default_rng(seed).random(labels.shape)
    rows = range(len(labels))
    return pl.DataFrame(
        {"image_id": [f"i{k}" for k in rows], "patient_id": [f"p{k}" for k in rows], "split": ["test"] * len(labels)}
        | {f"y_{finding}": labels[:, at] for at, finding in enumerate(FINDINGS)}
        | {f"p_{finding}": scores[:, at] for at, finding in enumerate(FINDINGS)}
    )


def predictions_of(labels: np.ndarray, seed: int) -> Predictions:
    return as_predictions(table_of(labels, seed), name="model")


@settings(max_examples=25, deadline=None)
@given(
    positives=st.integers(0, 3),
    negatives=st.integers(0, 4),
    others=st.integers(0, 3),
    min_positive_patients=st.integers(1, 3),
    seeds=st.integers(1, 2),
)
def test_every_table_of_a_study_can_be_made(positives, negatives, others, min_positive_patients, seeds):
    count = positives + negatives
    if count == 0:
        return
    labels = np.zeros((count, 2), dtype=np.int64)
    labels[:positives, 0] = 1
    labels[: min(others, count), 1] = 1
    arms = {name: [predictions_of(labels, seed)] * seeds for name, seed in (("a", 1), ("b", 2))}
    thresholds = {arm: [choose_thresholds(one, "youden") for one in each] for arm, each in arms.items()}
    how = {"n_bootstrap": 60, "seed": 0, "min_positive_patients": min_positive_patients}
    table = metrics_table(measure_arms(arms, metrics=METRICS, averages=AVERAGES, thresholds=thresholds, **how), "a")
    rare = min(positives, negatives)
    main = measure_arms(arms, **how)
    for row in table.filter((pl.col("metric") == "auroc") & (pl.col("finding") == "Effusion")).to_dicts():
        assert (row["estimate"] is None) == (rare < 2)
        assert main.included[0] == (rare >= max(min_positive_patients, 2))
    comparisons_table(main, reference="a")
    if main.included.any():
        ranks_table([main])
        equivalence_table(main, 0.05, reference="a")
    groups = {"sex": {f"i{k}": "MF"[k % 2] for k in range(count)}}
    message = {"thresholds": thresholds["a"], "min_patients": min_positive_patients, "n_bootstrap": 60, "seed": 0}
    evaluate_subgroups(arms["a"], groups, metrics=("auroc", UNDERDIAGNOSIS), **message)
    detectable_differences(table_of(labels, 0), FINDINGS, min_positive_patients)


def test_one_patient_on_a_side_gives_no_interval_and_no_p():
    drawn = np.linspace(0.4, 0.6, 50)
    assert all(map(math.isnan, percentile_interval(drawn, patients=1)))
    assert math.isnan(two_sided_p(drawn - 0.45, patients=1))
    assert effective_n_patients(np.array([1, 30])) == 1
    assert effective_n_patients(np.array([30, 30])) == pytest.approx(59)
