import json

import numpy as np
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from hilum.cli.compare import compare
from hilum.errors import HilumError


def run(*arguments: object):
    app = typer.Typer()
    app.command()(compare)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def pair(tmp_path):
    rng = np.random.default_rng(0)
    label = (rng.random(300) < 0.3).astype(int)
    paths = []
    for name, signal in (("better", 0.5), ("worse", 0.1)):
        table = pl.DataFrame(
            {
                "image_id": [f"{image:04d}" for image in range(300)],
                "patient_id": [f"{image // 2:03d}" for image in range(300)],
                "split": ["test"] * 300,
                "y_Effusion": label,
                "p_Effusion": signal * label + 0.5 * rng.random(300),
            }
        )
        paths.append(tmp_path / f"{name}.parquet")
        table.write_parquet(paths[-1])
    return paths


def test_writes_and_prints_differences_intervals_and_families(pair, tmp_path):
    ran = run(*pair, "--out", tmp_path / "out", "--n-bootstrap", 200)
    assert ran.exit_code == 0, ran.output
    comparisons = pl.read_parquet(tmp_path / "out" / "comparisons.parquet")
    assert {"finding", "metric", "difference", "ci_low", "ci_high", "p", "p_adjusted"} <= set(comparisons.columns)
    assert comparisons["ci_low"][0] > 0
    assert f"AUROC of {pair[0]} minus {pair[1]}" in ran.stdout
    assert "300 images of 150 patients · split test · 200 bootstrap resamples" in ran.stdout
    assert "1 comparison = 1 test, Benjamini-Hochberg" in ran.stdout
    assert "macro" not in ran.stdout


def test_json_is_pure_and_holds_the_same_numbers(pair, tmp_path):
    ran = run(*pair, "--out", tmp_path / "out", "--n-bootstrap", 100, "--json")
    message = json.loads(ran.stdout)
    assert message["difference"] == f"{pair[0]} minus {pair[1]}"
    assert message["comparisons"] == pl.read_parquet(tmp_path / "out" / "comparisons.parquet").to_dicts()


def test_small_p_values_are_not_printed_as_zero(pair, tmp_path):
    ran = run(*pair, "--out", tmp_path / "out", "--n-bootstrap", 5000)
    assert "<0.001" in ran.stdout


def test_different_images_are_refused_and_nothing_is_left_behind(pair, tmp_path):
    pl.read_parquet(pair[1]).head(-1).write_parquet(pair[1])
    ran = run(*pair, "--out", tmp_path / "out")
    assert isinstance(ran.exception, HilumError)
    assert f"expected the same images; found 1 only in {pair[0]} (0299)" in str(ran.exception)
    assert not (tmp_path / "out").exists()


def test_the_other_metrics_are_compared_where_thresholds_are_given(pair, tmp_path):
    ran = run(*pair, "--out", tmp_path / "out", "--n-bootstrap", 100, "--threshold", 0.5, "--holm")
    table = pl.read_parquet(tmp_path / "out" / "comparisons.parquet")
    assert {"auroc", "auprc", "f1", "mcc", "brier"} <= set(table["metric"])
    assert "balanced accuracy" in ran.stdout
    assert "= 1 test, Holm" in ran.stdout


def test_a_margin_says_whether_the_first_is_not_worse(pair, tmp_path):
    ran = run(*reversed(pair), "--out", tmp_path / "out", "--n-bootstrap", 100, "--margin", 0.4)
    assert "margin 0.4: Pleural Effusion inferior" in ran.stdout
    margins = pl.read_parquet(tmp_path / "out" / "margins.parquet")
    assert margins["conclusion"].to_list() == ["inferior"]
    message = json.loads(run(*pair, "--out", tmp_path / "o", "--n-bootstrap", 100, "--margin", 0.4, "--json").stdout)
    assert message["margins"][0]["conclusion"] == "superior"
