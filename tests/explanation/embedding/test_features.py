from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store
from hilum.encoders.card import Card
from hilum.encoders.weights import save_encoder
from hilum.errors import HilumError
from hilum.explanation.embedding import (
    Features,
    features_of,
    load_feature_model,
    recipe_of,
    write_features,
)
from hilum.finetuning.weights import write_classifier

IDS = [f"film{number}" for number in range(9)]


@pytest.fixture
def store():
    pixels = np.random.default_rng(0).integers(0, 255, (9, 40, 40), dtype=np.uint8)
    rejected = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
    return Store(Path("nowhere"), pixels, IDS, rejected, parse_recipe([{"resize": 40}]))


def card(**further):
    message = {"encoder": "resnet18", "method": "simclr", "settings": {}, "preprocessing": [{"resize": 40}]}
    numbers = {"image_size": 32, "mean": 0.5, "std": 0.25, "seed": 0, "split": "", "training_patients": []}
    return Card(**{**message, **numbers, "n_training_images": 0, **further})


def test_features_of_an_encoder_are_what_it_says_of_plain_views(store, encoder_of, tmp_path):
    encoder = encoder_of("resnet18").eval()
    save_encoder(encoder, card(image_size=40), tmp_path / "encoder")
    model, read = load_feature_model(tmp_path / "encoder")
    features = features_of(model, read.image_size, store, IDS[::-1], device="cpu")
    images = torch.from_numpy(store.pixels[::-1].copy())[:, None].float() / 255
    with torch.no_grad():
        expected = encoder(images).numpy()
    assert features.values.shape == (9, 512)
    assert np.allclose(features.values, expected, atol=1e-4)


def test_features_of_a_classifier_are_what_its_head_reads(store, classifier_of, tmp_path):
    classifier = classifier_of("resnet18", 32)
    directory = tmp_path / "arm"
    directory.mkdir()
    write_classifier(classifier, card(method="finetune", findings=["Edema", "Mass"]), directory)
    model, read = load_feature_model(directory)
    features = features_of(model, read.image_size, store, IDS, device="cpu")
    logits = features_of(classifier, read.image_size, store, IDS, device="cpu")
    with torch.no_grad():
        assert np.allclose(classifier.score(torch.from_numpy(features.values)).numpy(), logits.values, atol=1e-5)


def test_images_are_preprocessed_as_the_card_says_and_published_weights_get_the_usual_recipe():
    assert recipe_of(card(preprocessing=["min_max", {"resize": 96}])).as_data() == ["min_max", {"resize": 96}]
    assert recipe_of(card(preprocessing=[])).as_data() == [{"square": "pad"}, {"resize": 32}]


def test_features_are_written_whole_and_read_back(tmp_path):
    features = Features(IDS, np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32))
    write_features(features, tmp_path / "features")
    assert sorted(path.name for path in (tmp_path / "features").iterdir()) == ["features.npy", "index.parquet"]
    index = pl.read_parquet(tmp_path / "features" / "index.parquet")
    assert index.to_dict(as_series=False) == {"row": list(range(9)), "image_id": IDS}
    assert np.array_equal(np.load(tmp_path / "features" / "features.npy"), features.values)


def test_features_that_are_not_numbers_are_refused(store):
    class Broken(torch.nn.Module):
        def forward(self, images):
            return torch.full((len(images), 3), torch.nan)

    with pytest.raises(HilumError, match="NaN or infinity on 9 images"):
        features_of(Broken(), 32, store, IDS, device="cpu")
    with pytest.raises(HilumError, match="expected at least one; found none"):
        features_of(Broken(), 32, store, [], device="cpu")
