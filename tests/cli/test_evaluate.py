import json

import numpy as np
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from hilum.cli.evaluate import evaluate
from hilum.errors import HilumError


def run(*arguments: object):
    app = typer.Typer()
    app.command()(evaluate)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def predictions(tmp_path):
    rng = np.random.default_rng(0)
    label, rare = (rng.random(200) < 0.3).astype(int), (np.arange(200) < 4).astype(int)
    table = pl.DataFrame(
        {
            "image_id": [f"{image:04d}" for image in range(200)],
            "patient_id": [f"{image // 2:03d}" for image in range(200)],
            "split": ["val"] * 100 + ["test"] * 100,
            "y_Effusion": label,
            "p_Effusion": np.clip(0.3 * label + 0.6 * rng.random(200), 0, 1),
            "y_Hernia": rare[::-1],
            "p_Hernia": rng.random(200),
        }
    )
    path = tmp_path / "predictions.csv"
    table.write_csv(path)
    return path


def test_writes_the_table_and_prints_intervals_and_what_was_left_out(predictions, tmp_path):
    ran = run(predictions, "--out", tmp_path / "out", "--redraws", 200)
    assert ran.exit_code == 0, ran.output
    metrics = pl.read_parquet(tmp_path / "out" / "metrics.parquet")
    assert metrics["finding"].to_list() == ["macro", "Pleural Effusion", "Hernia"]
    assert {"finding", "metric", "estimate", "low", "high", "n", "positives"} <= set(metrics.columns)
    assert "100 films of 50 patients · split test · 200 redraws of patients, seed 0" in ran.stdout
    assert "Hernia: left out of macro: 2 positive patients (fewer than 10)" in ran.stdout
    assert "100 rows of the split test are evaluated; 100 rows of val are not." in ran.stdout
    assert pl.read_csv(tmp_path / "out" / "metrics.csv").height == 3


def test_json_is_pure_and_holds_the_same_numbers(predictions, tmp_path):
    ran = run(predictions, "--out", tmp_path / "out", "--redraws", 100, "--split", "val", "--json")
    told = json.loads(ran.stdout)
    assert (told["split"], told["images"], told["patients"]) == ("val", 100, 50)
    assert told["metrics"] == pl.read_parquet(tmp_path / "out" / "metrics.parquet").to_dicts()


def test_several_files_are_seeds_of_one_arm(predictions, tmp_path):
    ran = run(predictions, predictions, "--out", tmp_path / "out", "--redraws", 100)
    assert "redraws of patients and seeds" in ran.stdout
    assert "mean over 1 finding, 1 left out; 2 seeds" in pl.read_csv(tmp_path / "out" / "metrics.csv")["note"][0]


def test_a_wrong_table_leaves_nothing_behind(tmp_path):
    path = tmp_path / "logits.csv"
    path.write_text("image_id,y_Mass,p_Mass\na,1,3.2\nb,0,-1\n")
    ran = run(path, "--out", tmp_path / "out")
    assert isinstance(ran.exception, HilumError)
    assert "apply a sigmoid" in str(ran.exception)
    assert not (tmp_path / "out").exists()
