"""Arguments of the Python API as users write them: pandas tables, NumPy numbers, single names, wrong numbers."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

import hilum
from hilum.errors import HilumError


@pytest.fixture
def table():
    label = np.arange(60) % 2
    scores = np.clip(0.3 + 0.4 * label + 0.2 * np.random.default_rng(0).normal(size=60), 0, 1)
    return pl.DataFrame(
        {"image_id": [str(i) for i in range(60)], "split": ["test"] * 60, "y_Mass": label, "p_Mass": scores}
    )


def test_a_pandas_table_gives_the_numbers_of_a_polars_table(table):
    frame = pd.DataFrame(table.to_dict(as_series=False))
    options = {"n_bootstrap": 100, "subgroups": []}
    expected = hilum.evaluate(table, **options).metrics
    assert hilum.evaluate(frame, **options).metrics.equals(expected)
    assert hilum.evaluate([frame], **options).metrics.equals(expected)
    assert hilum.label_issues(frame).issues.equals(hilum.label_issues(table).issues)
    assert expected.to_pandas().shape == expected.shape


def test_one_name_and_numbers_of_numpy_are_accepted(table, tmp_path):
    result = hilum.evaluate(table, tmp_path, metrics="auroc", subgroups=[], n_bootstrap=np.int64(100), seed=np.int32(1))
    assert result.metrics["metric"].unique().to_list() == ["auroc"]
    assert json.loads((tmp_path / "metrics.json").read_text())["seed"] == 1
    json.dumps(hilum.power(np.int64(200), np.int64(1800), auroc=np.float32(0.8)).about)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda table: hilum.power("200", 1800), "positives: expected a whole number of at least 2; found '200'"),
        (lambda table: hilum.power(200, 1800, auroc=1.5), "auroc: expected a number above 0, below 1; found 1.5"),
        (lambda table: hilum.label_issues(table, top=-1), "top: expected a whole number of at least 1; found -1"),
        (lambda table: hilum.preview("images", "sheet.png", count=0), "count: expected a whole number of at least 1"),
        (lambda table: hilum.label_issues(5), "predictions: expected a table of predictions; found int"),
        (lambda table: hilum.label_issues([5]), "predictions: expected a table of predictions; found int"),
        (
            lambda table: hilum.external_validation({"a": table}),
            "expected tables by (trained on, tested on); found 'a'",
        ),
        (
            lambda table: hilum.external_validation({"a:b": table}, trained_on={"A": "card.json"}),
            "--trained-on: expected models of the predictions: a; found A",
        ),
        (lambda table: hilum.predict("absent", "images", "out.csv"), "model: expected a model directory"),
    ],
)
def test_wrong_arguments_are_refused(table, call, expected):
    with pytest.raises(HilumError) as refused:
        call(table)
    assert expected in str(refused.value)


def test_pairs_of_data_sets_may_be_written_as_on_the_command_line(table):
    other = table.with_columns(image_id=pl.concat_str(pl.lit("b"), "image_id"))
    options = {"n_bootstrap": 100}
    written = hilum.external_validation({"a:a": table, "a:b": other}, **options)
    assert written.external.equals(
        hilum.external_validation({("a", "a"): table, ("a", "b"): other}, **options).external
    )


def test_runs_in_subfolders_are_arms_of_a_report(table, tmp_path):
    for name in ("tuned", "scratch"):
        (tmp_path / name).mkdir()
        table.write_parquet(tmp_path / name / "predictions.parquet")
    result = hilum.build_report(tmp_path, n_bootstrap=100)
    assert set(result.content.metrics["arm"]) == {"tuned", "scratch"}
