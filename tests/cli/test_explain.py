import json
import re

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from hilum.cli import make_app
from hilum.data.collections import read_collection
from hilum.encoders.card import Card
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.weights import write_classifier
from hilum.phantom import write_layout

FINDINGS = ["Infiltration", "Pleural Effusion", "Atelectasis"]


def explain(*words):
    return CliRunner().invoke(make_app(), ["explain", *map(str, words)], catch_exceptions=False)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    root = tmp_path_factory.mktemp("explain") / "CXR8"
    write_layout("chestxray14", root, images=40, size=48, seed=3)
    return root


@pytest.fixture(scope="module")
def model_of(tmp_path_factory, images):
    """Untrained classifiers as fine-tuning would leave them."""

    def make(name, encoder, findings, recipe, patients=()):
        directory = tmp_path_factory.mktemp("arms") / name / "seed-0"
        directory.mkdir(parents=True)
        classifier = Classifier(create_encoder(encoder, seed=0), len(findings), size=42)
        card = Card(
            encoder=encoder, method="finetune", settings={}, preprocessing=recipe, image_size=42, mean=0.5, std=0.25,
            seed=0, split="made-up", training_patients=list(patients), n_training_images=0, findings=list(findings),
        )  # fmt: skip
        write_classifier(classifier, card, directory)
        return directory

    return make


@pytest.fixture(scope="module")
def xvt(model_of):
    return model_of("xvt", "toh2023_xvt", FINDINGS, [{"resize": 42}])


@pytest.fixture(scope="module")
def resnet(model_of):
    return model_of("resnet", "toh2023_resnet", ["Nodule", *FINDINGS[:2]], [{"square": "pad"}, {"resize": 48}])


def test_two_models_leave_maps_scores_and_a_page(images, xvt, resnet, tmp_path):
    out = tmp_path / "out"
    answer = explain(
        xvt,
        "--compare-with",
        resnet,
        "--data",
        f"chestxray14={images}",
        "--out",
        out,
        "--n-bootstrap",
        100,
        "--candidates",
        30,
    )
    assert answer.exit_code == 0, answer.output
    index = pl.read_parquet(out / "heat_maps.parquet")
    maps = [np.load(out / name) for name in ("heat_maps_1.npy", "heat_maps_2.npy")]
    assert [each.shape for each in maps] == [(len(index), 3, 3), (len(index), 2, 2)]
    assert set(index["finding"]) <= set(FINDINGS[:2])  # what both score
    boxes = read_collection("chestxray14", images).boxes.filter(pl.col("finding").is_in(FINDINGS[:2]))
    scored = pl.read_parquet(out / "box_scores.parquet")
    assert set(scored.filter(pl.col("arm") == "xvt (seed 0)").select("image_id", "finding").rows()) == set(
        boxes.select("image_id", "finding").rows()
    )
    statistics = pl.read_parquet(out / "box_statistics.parquet")
    assert {"xvt (seed 0)", "resnet (seed 0)", "centre prior", "location prior"} <= set(statistics["arm"])
    assert ("resnet (seed 0)", "xvt (seed 0)") in statistics.select("arm", "reference").rows()
    page = (out / "explain.html").read_text(encoding="utf-8")
    assert page.count('class="case"') == len(pl.read_parquet(out / "shown.parquet"))
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(address.startswith("data:image/") for address in addresses)
    assert (out / "gallery.png").stat().st_size > 0
    assert f"Boxes of {len(boxes.unique(['image_id', 'finding']))} images and findings" in answer.output


def test_the_same_call_gives_the_same_numbers(images, xvt, tmp_path):
    message = []
    for name in ("one", "two"):
        out = tmp_path / name
        answer = explain(
            xvt,
            "--data",
            f"chestxray14={images}",
            "--out",
            out,
            "--n-bootstrap",
            100,
            "--findings",
            "Infiltration",
            "--json",
        )
        message.append(json.loads(answer.stdout))
        message[-1].pop("page")
    assert message[0] == message[1]
    assert message[0]["images_with_boxes"] > 0
    assert message[0]["statistics"]


def test_without_boxes_there_are_no_scores(images, xvt, tmp_path):
    out = tmp_path / "out"
    answer = explain(
        xvt,
        "--data",
        f"chestxray14={images}",
        "--out",
        out,
        "--no-boxes",
        "--method",
        "rollout",
        "--findings",
        "Infiltration",
    )
    assert answer.exit_code == 0
    assert not (out / "box_scores.parquet").exists()
    page = (out / "explain.html").read_text(encoding="utf-8")
    assert "Against drawn boxes" not in page
    assert "is the same for all findings" in page


def test_any_other_name_is_a_folder_without_labels(images, xvt, tmp_path):
    answer = explain(
        xvt,
        "--data",
        f"ours={images / 'images'}",
        "--out",
        tmp_path / "out",
        "--candidates",
        5,
        "--findings",
        "Infiltration",
    )
    assert answer.exit_code == 0
    assert "5 of 40 images without boxes were selected at random" in answer.output
    shown = pl.read_parquet(tmp_path / "out" / "shown.parquet")
    assert shown["rule"].to_list() == ["most confident", "random"]


def test_images_of_patients_that_a_model_has_learnt_from_are_left_out(images, model_of, tmp_path):
    manifest = read_collection("chestxray14", images).manifest
    patients = manifest["patient_id"].unique().sort().to_list()
    mark = json.loads((images / ".hilum-phantom.json").read_text())["population"]
    knows = [f"{mark}:{patient}" for patient in patients[:5]]
    model = model_of("knowing", "toh2023_resnet", FINDINGS, [{"resize": 48}], knows)
    met = len(manifest.filter(pl.col("patient_id").is_in(patients[:5])))
    words = [model, "--data", f"chestxray14={images}", "--no-boxes", "--findings", "Infiltration"]
    left_out = explain(*words, "--out", tmp_path / "without")
    assert f"{met} images of patients the weights were trained on were excluded" in left_out.output
    everyone = model_of("all", "toh2023_resnet", FINDINGS, [{"resize": 48}], [f"{mark}:{one}" for one in patients])
    with pytest.raises(HilumError, match="add --include-training-patients"):
        explain(everyone, *words[1:], "--out", tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "images"], "expected NAME=FOLDER, with a plain name; found 'images'"),
        (["--data", "chestxray14={images}", "--findings", "Edema"], "findings that xvt.* scores: Infiltration"),
        (["--data", "chestxray14={images}", "--method", "saliency"], "expected one of gradcam"),
        (["--data", "chestxray14={images}", "--map-threshold", "0"], "expected above 0"),
        (["--data", "chestxray14={images}", "--compare-with", "{xvt}"], "expected another model"),
        (["--data", "chestxray14={images}", "--split", "val"], "a part of the published split, .*; found val. Omit"),
        (["--data", "chestxray14={images}", "--split", "patients"], "found patients. Omit --split to use all images"),
    ],
)
def test_other_settings_are_refused_and_leave_nothing(words, message, images, xvt, tmp_path):
    with pytest.raises(HilumError, match=message):
        explain(xvt, *(word.format(images=images, xvt=xvt) for word in words), "--out", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_attention_of_a_network_without_any_is_refused(images, resnet, tmp_path):
    with pytest.raises(HilumError, match="found toh2023_resnet"):
        explain(resnet, "--data", f"chestxray14={images}", "--method", "attention", "--out", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
