import json

import numpy as np
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from hilum.cli.label_issues import label_issues
from hilum.data.collections import read_collection
from hilum.phantom import write_layout

GOOGLE = "chestxray14_metadata/google2019_nih-chest-xray-labels.csv.gz"


def run(*arguments: object):
    app = typer.Typer()
    app.command()(label_issues)
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
    issues = pl.read_parquet(tmp_path / "out" / "label_issues.parquet")
    wrong = {f"{image:04d}" for image in range(0, 400, 25)}
    assert set(issues.head(16)["image_id"]) == wrong
    assert "Top label issues" in ran.stdout
    assert pl.read_csv(tmp_path / "out" / "noise.csv")["n"].to_list() == [400]
    assert not (tmp_path / "out" / "agreement.parquet").exists()


def test_the_worst_are_on_a_page_of_their_own(predictions, tmp_path):
    ran = run(predictions, "--out", tmp_path / "out", "--top", 4)
    page = (tmp_path / "out" / "label_issues.html").read_text(encoding="utf-8")
    assert "400 images of 400 patients, split test" in page
    assert "Flagged labels: " in page
    assert 4 < page.count('<th scope="row">0') <= 8
    assert "<img" not in page
    assert f"Report: {tmp_path / 'out' / 'label_issues.html'}" in ran.stdout.replace("\n", "")


def test_images_are_shown_beside_their_labels(in_layout, tmp_path):
    images, _ = in_layout("chestxray14")
    rng = np.random.default_rng(0)
    ids = read_collection("chestxray14", images).manifest["image_id"].to_list()
    label = np.arange(36) % 2
    table = pl.DataFrame(
        {"image_id": ids, "y_Mass": label, "p_Mass": np.clip(0.2 + 0.6 * label + 0.2 * rng.normal(size=36), 0, 1)}
    )
    extra = table.head(1).with_columns(image_id=pl.lit("elsewhere.png"))
    wrong = pl.DataFrame({"image_id": ids[:4], "p_Mass": (1.0 - label[:4]).clip(0.01, 0.99)})
    pl.concat([table, extra]).update(wrong, on="image_id").write_csv(tmp_path / "mine.csv")
    words = ("--held-out", "--data", f"chestxray14={images}", "--out", tmp_path / "out")
    ran = run(tmp_path / "mine.csv", *words)
    assert ran.exit_code == 0, ran.output
    page = (tmp_path / "out" / "label_issues.html").read_text(encoding="utf-8")
    assert page.count('<img src="data:image/jpeg;base64,') >= 4
    assert all(image_id in page for image_id in ids[:4])
    assert "1 images of the predictions are not in chestxray14" in ran.stdout


def test_images_of_another_data_set_are_refused(predictions, tmp_path):
    write_layout("chestxray14", tmp_path / "CXR8", images=4, size=32, seed=0)
    ran = run(predictions, "--data", f"chestxray14={tmp_path / 'CXR8'}", "--out", tmp_path / "out")
    assert "expected the images of the predictions; found none" in str(ran.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.shared_data
def test_nih_labels_are_compared_with_adjudicated_ones(predictions, tmp_path, shared_data):
    ran = run(predictions, "--adjudicated", shared_data / GOOGLE, "--out", tmp_path / "out", "--json")
    message = json.loads(ran.stdout)
    assert [row["finding"] for row in message["agreement"]] == ["Pneumothorax", "Nodule or mass", "Airspace opacity"]
    assert message["agreement"][0]["discordant"] == 258
    assert (tmp_path / "out" / "agreement.csv").exists()
