"""Tasks side by side, against the same numbers worked out one by one."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import false_discovery_control

from hilum.evaluation import measure_arms
from hilum.evaluation.predictions import Predictions, read_predictions
from hilum.evaluation.tables.across_tasks import MEAN_OVER_TASKS, adjust_over_tasks, shift_resamples, tasks_table


@pytest.fixture
def measured(tmp_path):
    def predictions(seed: int, strength: float) -> Predictions:
        random = np.random.default_rng(seed)
        columns: dict[str, object] = {
            "image_id": [f"i{n}" for n in range(120)],
            "patient_id": [f"p{n}" for n in range(120)],
        }
        for finding in ("Mass", "Nodule"):
            truth = random.integers(0, 2, 120)
            columns |= {
                f"y_{finding}": truth,
                f"p_{finding}": 1 / (1 + np.exp(-strength * truth - random.normal(size=120))),
            }
        path = tmp_path / f"{seed}-{strength}.parquet"
        pl.DataFrame(columns).with_columns(pl.lit("test").alias("split")).write_parquet(path)
        return read_predictions(path)

    def make(seed: int):
        return measure_arms(
            {"weak": [predictions(seed, 0.3)], "strong": [predictions(seed, 2.0)]}, n_bootstrap=200, seed=0
        )

    return make


def test_the_mean_over_tasks_is_the_mean_of_their_means(measured):
    one, two = measured(1), shift_resamples(measured(2), 1)
    table = tasks_table({"one": one, "two": two})
    for arm in ("weak", "strong"):
        rows = table.filter(arm=arm)
        mean = rows.filter(task=MEAN_OVER_TASKS).row(0, named=True)
        single = rows.filter(pl.col("tasks") == 1)
        assert mean["estimate"] == pytest.approx(single["estimate"].mean())
        widths = (single["ci_high"] - single["ci_low"]).to_numpy()
        assert mean["ci_high"] - mean["ci_low"] == pytest.approx(np.hypot(*widths) / 2, rel=0.25)  # independent tasks


def test_resamples_in_another_order_are_the_same_resamples(measured):
    one = measured(1)
    assert tasks_table({"one": one}).equals(tasks_table({"one": shift_resamples(one, 3)}))


def test_all_tasks_are_one_family_as_scipy_adjusts_it():
    rows = [
        {"task": task, "arm": "a", "reference": "b", "finding": finding, "metric": "auroc", "p": p, "family": "own"}
        for task, finding, p in (
            ("one", "macro", 0.01), ("one", "Mass", 0.02), ("one", "Nodule", 0.5), ("two", "macro", 0.04),
            ("two", "Mass", 0.03), ("two", "Nodule", None), ("three", "Mass", 0.2),
        )
    ]  # fmt: skip
    table = pl.DataFrame(rows).with_columns(pl.lit(None, dtype=pl.Float64).alias("p_adjusted"))
    adjusted = adjust_over_tasks(table, ["macro", "weighted"])
    assert adjusted.select("task", "finding", "p").equals(table.select("task", "finding", "p"))
    found = {(row["task"], row["finding"]): row for row in adjusted.to_dicts()}
    main = [("one", "macro"), ("two", "macro"), ("three", "Mass")]  # the only finding of a task is its main number
    singles = [("one", "Mass"), ("one", "Nodule"), ("two", "Mass")]
    for family in (main, singles):
        expected = false_discovery_control([found[key]["p"] for key in family])
        assert [found[key]["p_adjusted"] for key in family] == pytest.approx(list(expected))
    assert found["two", "Nodule"]["p_adjusted"] is None
    assert found["one", "macro"]["family"] == "macro, all tasks: 3 tests of 3 tasks, Benjamini-Hochberg"
