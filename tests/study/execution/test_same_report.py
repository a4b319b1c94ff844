"""A study's report and `hilum report` of the same predictions show the same numbers."""

import shutil

import polars as pl
import pytest

from hilum.evaluation.metrics import METRICS
from hilum.evaluation.suite import TABLES
from hilum.runs.report import ReportSettings, content_of_folder


@pytest.fixture(scope="module")
def contents(finished, tmp_path_factory):
    """Of the study's directory; and of a folder with nothing but its predictions."""
    folder = tmp_path_factory.mktemp("predictions")
    shutil.copytree(finished / "evaluation" / "predictions", folder / "predictions")
    alone = content_of_folder(folder, ReportSettings(n_bootstrap=100, min_positive_patients=2, reference="scratch"))
    return content_of_folder(finished), alone


@pytest.mark.parametrize("name", TABLES)
def test_a_report_of_the_directory_has_the_tables_of_the_study(finished, contents, name):
    path, shown = finished / "evaluation" / f"{name}.parquet", getattr(contents[0], name)
    assert (shown is None) == (not path.is_file())
    if shown is not None:
        assert shown.equals(pl.read_parquet(path), null_equal=True)


def test_predictions_alone_give_the_same_numbers(finished, contents):
    order = ["arm", "finding", "metric"]
    metrics = pl.read_parquet(finished / "evaluation/metrics.parquet")
    metrics = metrics.filter(pl.col("metric").is_in(METRICS))  # a study's own specificity is not known here
    assert contents[1].metrics.sort(order).equals(metrics.sort(order), null_equal=True)
    comparisons = pl.read_parquet(finished / "evaluation/comparisons.parquet")
    comparisons = comparisons.filter(pl.col("metric").is_in(METRICS))
    shared = contents[1].comparisons.join(comparisons.select("finding", "metric").unique(), on=["finding", "metric"])
    assert shared.sort(order).equals(comparisons.sort(order), null_equal=True)
