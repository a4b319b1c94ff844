import json

import numpy as np
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from hilum.cli.audit import audit

GOOGLE = "chestxray14_metadata/google2019_nih-chest-xray-labels.csv.gz"


def run(*arguments: object):
    app = typer.Typer()
    app.command()(audit)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def predictions(tmp_path):
    rng = np.random.default_rng(0)
    true = rng.random(400) < 0.3
    given = np.where(np.arange(400) % 25 == 0, ~true, true)
    table = pl.DataFrame(
        {
            "image_id": [f"{image:04d}" for image in range(400)],
            "split": ["test"] * 400,
            "y_Mass": given.astype(int),
            "p_Mass": np.clip(0.1 + 0.7 * true + 0.1 * rng.normal(size=400), 0, 1),
        }
    )
    table.write_parquet(tmp_path / "predictions.parquet")
    return tmp_path / "predictions.parquet"


def test_doubted_labels_are_ranked_written_and_counted(predictions, tmp_path):
    ran = run(predictions, "--out", tmp_path / "out")
    assert ran.exit_code == 0, ran.output
    suspects = pl.read_parquet(tmp_path / "out" / "suspects.parquet")
    wrong = {f"{image:04d}" for image in range(0, 400, 25)}
    assert set(suspects.head(16)["image_id"]) == wrong
    assert "The most doubted" in ran.stdout
    assert pl.read_csv(tmp_path / "out" / "noise.csv")["n"].to_list() == [400]
    assert not (tmp_path / "out" / "agreement.parquet").exists()


@pytest.mark.shared_data
def test_nih_labels_are_compared_with_adjudicated_ones(predictions, tmp_path, shared_data):
    ran = run(predictions, "--adjudicated", shared_data / GOOGLE, "--out", tmp_path / "out", "--json")
    told = json.loads(ran.stdout)
    assert [row["finding"] for row in told["agreement"]] == ["Pneumothorax", "Nodule or mass", "Airspace opacity"]
    assert told["agreement"][0]["contradicted"] == 258
    assert (tmp_path / "out" / "agreement.csv").exists()
