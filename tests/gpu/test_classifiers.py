"""Fine-tuning, its scores and its heat maps on the device."""

import polars as pl
import pytest
import torch

from hilum.data.labelled_images import LabelledImages
from hilum.encoders.zoo import create_encoder
from hilum.explanation.maps.heat_maps import heat_maps
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.finetune import finetune
from hilum.finetuning.settings import FinetuneSettings


@pytest.mark.parametrize("unfreeze", ["all", 0])
def test_scores_are_those_of_the_cpu(unfreeze, device, runs, tmp_path):
    store = runs["images"](24, 32)
    targets = (store.pixels.mean((1, 2), keepdims=True)[:, 0] > 128).astype("float32")
    train, val = (
        LabelledImages(store.image_ids[a:b], store.image_ids[a:b], targets[a:b]) for a, b in ((0, 16), (16, 24))
    )
    scores = {}
    for where in {device.type, "cpu"}:
        settings = FinetuneSettings(
            unfreeze=unfreeze, epochs=2, batch_size=8, lr=1e-4, precision="fp32", device=where, compile="off"
        )
        out = finetune(
            "random", "toh2023_resnet", store, train, val, val.image_ids, ["bright"],
            settings=settings, seed=0, directory=tmp_path / where,
        )  # fmt: skip
        scores[where] = pl.read_parquet(out / "scores.parquet")["p_bright"].to_torch()
    torch.testing.assert_close(scores[device.type], scores["cpu"], rtol=2e-2, atol=2e-3)


@pytest.mark.parametrize("method", ["gradcam", "layercam", "occlusion"])
def test_heat_maps_are_those_of_the_cpu(method, device):
    classifier = Classifier(create_encoder("toh2023_resnet", seed=0), 2, size=32).eval()
    images = torch.linspace(0, 1, 2 * 32 * 32).reshape(2, 1, 32, 32)
    expected = heat_maps(classifier, images, [0, 1], method).maps
    found = heat_maps(classifier.to(device), images.to(device), [0, 1], method).maps.cpu()
    assert expected.max() > 0
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=float(expected.max()) * 1e-3)
