"""The commands on models, from images to a judgement."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import hilum.cli
from hilum.data.collections import read_collection
from hilum.encoders.card import Card
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError
from hilum.evaluation.predictions import as_predictions
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.weights import write_classifier
from hilum.phantom import write_layout
from hilum.prediction.packaging import Packaging, TrainedSeed, package_arm, training_range

FINDINGS = ["Infiltration", "Pleural Effusion"]


def run(*words, code=0):
    answer = CliRunner().invoke(hilum.cli.make_app(), [str(word) for word in words])
    if isinstance(answer.exception, HilumError):
        raise answer.exception
    assert answer.exit_code == code, answer.output
    return answer.stdout


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("phantom") / "CXR8"
    write_layout("chestxray14", root, images=40, size=48, seed=4)
    return root


@pytest.fixture(scope="module")
def model(images, tmp_path_factory) -> Path:
    """An untrained classifier, packaged: it knows nothing, and all of its files are there."""
    trained = tmp_path_factory.mktemp("arms") / "seed-0"
    trained.mkdir()
    card = Card(
        encoder="small_convnet", method="finetune", settings={"precision": "fp32"},
        preprocessing=[{"square": "pad"}, {"resize": 32}], image_size=32, mean=0.5, std=0.25, seed=0,
        split="elsewhere, train", training_patients=["elsewhere:1"], n_training_images=1, findings=FINDINGS,
    )  # fmt: skip
    write_classifier(Classifier(create_encoder("small_convnet", seed=0), 2, size=32), card, trained)
    draw = np.random.default_rng(0)
    table = pl.DataFrame({"image_id": [f"{n}" for n in range(60)], "patient_id": [f"{n // 2}" for n in range(60)]})
    for finding in FINDINGS:
        labels = draw.integers(0, 2, 60)
        scores = (labels + draw.random(60)) / 2
        table = table.with_columns(pl.Series(f"y_{finding}", labels), pl.Series(f"p_{finding}", scores))
    parts = [as_predictions(table.with_columns(split=pl.lit(part)), name=part, split=part) for part in ("val", "test")]
    packaging = Packaging(name="none", question="?", split="elsewhere", rule="youden", n_bootstrap=100)
    directory = tmp_path_factory.mktemp("models") / "none"
    nothing = np.zeros((0, 32, 32), np.uint8)
    return package_arm([TrainedSeed(trained, *parts)], directory, packaging, training_range([None], [None], nothing))


def test_from_images_without_labels_to_a_judgement(model, images, tmp_path):
    expected = run("predict", model, f"chestxray14={images}", "--out", tmp_path / "p.parquet")
    assert "40 of 40 images scored" in expected
    expected = run(
        "evaluate", tmp_path / "p.parquet", "--labels", f"chestxray14={images}", "--out", tmp_path / "judged",
        "--n-bootstrap", "100", "--metrics", "auroc,sensitivity", "--json",
    )  # fmt: skip
    judged = json.loads(expected)
    assert judged["split"] == "external"  # its patients are none of the ledger's
    assert judged["thresholds"][0]["chosen_on"] == "its validation images"
    table = pl.read_parquet(tmp_path / "p.parquet")
    truth = read_collection("chestxray14", images).manifest
    joined = table.join(truth.select("image_id", "Infiltration"), on="image_id")
    positive = joined.filter(pl.col("Infiltration") == 1)
    wanted = float(positive["call_Infiltration"].mean())
    found = [each for each in judged["metrics"] if (each["finding"], each["metric"]) == ("Infiltration", "sensitivity")]
    assert found[0]["estimate"] == pytest.approx(wanted)


def test_the_exit_code_says_whether_an_image_was_refused(model, images, tmp_path):
    shutil.copy(next(images.rglob("*.png")), tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no image")
    message = json.loads(run("predict", model, tmp_path, "--out", tmp_path / "p.csv", "--json", code=1))
    assert message["refused"] == {"unreadable": 1}
    assert message["scored"] == 1
    assert message["training_not_known"] == 1
    expected = run("predict", model, tmp_path / "bad.png", "--out", tmp_path / "q.csv", code=1)
    assert "not a readable radiograph" in expected


def test_an_empty_image_is_no_finding(model, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((64, 64), 7, np.uint8))
    run("predict", model, tmp_path / "a.png", "--out", tmp_path / "p.parquet", code=1)
    assert pl.read_parquet(tmp_path / "p.parquet")["reason"].to_list() == ["empty"]


def test_mistakes_are_reported_before_anything_is_scored(model, tmp_path):
    for words, message in (
        (("predict", model, "nowhere", "--out", tmp_path / "p.csv"), "INPUT"),
        (("predict", model, tmp_path, "--out", tmp_path / "p.xlsx"), "--out"),
        (("predict", tmp_path, tmp_path, "--out", tmp_path / "p.csv"), "model directory"),
        (("predict", model, tmp_path, "--out", tmp_path / "p.csv", "--accept", "ugly"), "--accept"),
        (("export", model, "--format", "tflite", "--out", tmp_path / "m"), "--format"),
        (("package", tmp_path, "arm", "--out", tmp_path / "m"), "directory of a study"),
    ):
        with pytest.raises(HilumError, match=message):
            run(*words)
    assert not list(tmp_path.iterdir())


def test_a_folder_for_the_hub_is_written(model, tmp_path):
    assert str(tmp_path / "hub") in run("export", model, "--format", "huggingface", "--out", tmp_path / "hub")
    assert (tmp_path / "hub/README.md").is_file()
