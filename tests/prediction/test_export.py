import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from hilum.data.preprocess import parse_recipe
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError
from hilum.finetuning.classifier import Classifier
from hilum.prediction import load_package
from hilum.prediction.export import export_model
from hilum.prediction.export.formats import TOLERANCE, Scorer, check_parity

onnxruntime = pytest.importorskip("onnxruntime")

FAMILIES = {
    "resnet18": 64,
    "densenet121": 64,
    "convnextv2_atto": 64,
    "vit_tiny_patch16_224": 96,  # another grid than the weights': positions are baked
    "vit_small_patch14_reg4_dinov2": 56,
    "vit_small_patch14_dinov2": 56,
    "vit_small_patch16_dinov3": 64,
    "eva_x_tiny_patch16": 64,
    "swin_base_patch4_window7_224": 224,
    "toh2023_cnn": 224,
    "toh2023_resnet": 64,
    "toh2023_densenet": 64,
    "toh2023_unet_encoder": 224,
    "toh2023_xvt": 224,
}
"""A small encoder of each family, and the side of its images."""


@pytest.fixture(scope="session")
def model(model_directory):
    return load_package(model_directory / "seed-0", device="cpu", self_test=False)


@pytest.fixture(scope="session")
def of_family(model):
    """The model with another network: random weights that let the image through."""

    def make(name, size):
        classifier = Classifier(create_encoder(name, seed=0), len(model.findings), size=size).eval()
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in classifier.parameters():
                if parameter.abs().max() == 0:
                    parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
        card = model.cards[0].model_copy(update={"encoder": name, "image_size": size})
        return replace(
            model, model=classifier, cards=(card,), recipe=parse_recipe([{"square": "pad"}, {"resize": size}])
        )

    return make


def test_an_onnx_file_says_what_the_model_says_and_how_to_feed_it(model, arm, tmp_path):
    pixels = arm.store.gather(arm.store.rows(arm.scored_ids[:5]))
    exported = export_model(model, "onnx", tmp_path / "m.onnx", pixels)
    assert exported.parity.images == 9
    assert exported.parity.difference <= TOLERANCE
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    views = (pixels / 255).astype(np.float32)[:, None]
    found = session.run(None, {session.get_inputs()[0].name: views})[0]
    assert found == pytest.approx(model.probabilities(pixels, precision="fp32"), abs=TOLERANCE)
    assert json.loads(metadata["findings"]) == model.findings
    assert json.loads(metadata["preprocessing"]) == [{"square": "pad"}, {"resize": 32}]
    assert json.loads(metadata["thresholds"]) == model.thresholds
    beside = json.loads((tmp_path / "m.onnx.json").read_text())
    assert beside["parity"]["milliseconds"] > 0
    assert beside["hilum"]["measured_on"] == "test of phantom, patients (000000)"


@pytest.mark.slow
def test_a_torch_program_says_what_an_ensemble_says(model_directory, tmp_path):
    ensemble = load_package(model_directory, ensemble=True, device="cpu", self_test=False)
    exported = export_model(ensemble, "torch", tmp_path / "m.pt2")
    assert exported.parity.difference <= TOLERANCE
    program = torch.export.load(tmp_path / "m.pt2").module()
    assert program(torch.rand(7, 1, 32, 32)).shape == (7, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_can_be_exported(of_family, tmp_path, name):
    loaded = of_family(name, FAMILIES[name])
    exported = export_model(loaded, "onnx", tmp_path / "m.onnx")
    assert exported.parity.difference <= TOLERANCE
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "vit_small_patch14_dinov2", "eva_x_tiny_patch16"])
def test_baked_positions_are_those_of_the_size(of_family, name):
    loaded = of_family(name, FAMILIES[name])
    images = torch.rand(2, 1, FAMILIES[name], FAMILIES[name], generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = loaded.model(images).sigmoid()
        assert torch.allclose(Scorer(loaded)(images), wanted, atol=1e-6)
        assert torch.equal(loaded.model(images).sigmoid(), wanted)  # the original stays as it is


def test_what_differs_is_refused_and_not_written(tmp_path):
    images = np.random.default_rng(0).random((4, 1, 8, 8), dtype=np.float32)
    mean = lambda views: views.mean((2, 3))  # noqa: E731
    assert check_parity(mean, lambda views: mean(views) + np.float32(5e-5), images, "x").difference < TOLERANCE
    with pytest.raises(HilumError, match="a difference of"):
        check_parity(mean, lambda views: mean(views) + np.float32(2e-4), images, "x")
    # right on the whole batch, wrong on single images
    with pytest.raises(HilumError, match="a difference"):
        check_parity(mean, lambda views: mean(views) + (len(views) == 1), images, "x")


def test_a_folder_for_the_hub_holds_the_model_and_its_numbers(model, tmp_path):
    export_model(model, "huggingface", tmp_path / "hub")
    names = {path.name for path in (tmp_path / "hub").iterdir()}
    assert {"README.md", "config.json", "model.safetensors", "card.json", "model.json"} <= names
    _, metadata, text = (tmp_path / "hub/README.md").read_text().split("---\n", 2)
    results = yaml.safe_load(metadata)["model-index"][0]["results"][0]
    assert results["dataset"]["name"] == "test of phantom, patients (000000)"
    auroc = next(each for each in results["metrics"] if each["type"] == "auroc")
    assert auroc["ci_low"] <= auroc["value"] <= auroc["ci_high"]
    assert "60046008" in text
    config = json.loads((tmp_path / "hub/config.json").read_text())
    assert config["id2label"] == {"0": "Infiltration", "1": "Pleural Effusion", "2": "Atelectasis"}
    again = load_package(tmp_path / "hub", device="cpu")
    assert again.thresholds == model.thresholds


def test_unknown_formats_and_ensembles_as_folders_are_refused(model, model_directory, tmp_path):
    with pytest.raises(HilumError, match="--format"):
        export_model(model, "tflite", Path("x"))
    ensemble = load_package(model_directory, ensemble=True, device="cpu", self_test=False)
    with pytest.raises(HilumError, match="an ensemble"):
        export_model(ensemble, "huggingface", tmp_path / "hub")
