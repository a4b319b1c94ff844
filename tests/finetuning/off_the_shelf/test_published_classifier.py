import re

import numpy as np
import polars as pl
import pytest
import timm
import torch

from hilum.artifacts import file_sha256
from hilum.encoders.published import import_weights, published_weights, read_classifier
from hilum.errors import HilumError
from hilum.finetuning.off_the_shelf import load_published_classifier, score_as_published
from hilum.finetuning.scores import SCORES, read_scores
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.weights import load_classifier

CHEXNET = published_weights()["chexnet"]


def published_network():
    """CheXNet's network with random weights and statistics, as timm builds it."""
    torch.manual_seed(0)
    network = timm.create_model("densenet121", num_classes=14).eval()
    for name, buffer in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.copy_(torch.rand(buffer.shape) * 0.2 + (0.9 if name.endswith("var") else 0.0))
    return network


@pytest.fixture(scope="module")
def network():
    return published_network()


@pytest.fixture(scope="module")
def weights(network, tmp_path_factory):
    """These weights in a file of CheXNet's layout, imported."""
    folder = tmp_path_factory.mktemp("weights")
    state = {}
    for key, tensor in network.state_dict().items():
        if key.endswith("num_batches_tracked"):
            continue
        name = re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", key).replace("classifier.", "classifier.0.")
        state[f"module.densenet121.{name}"] = tensor.clone()
    path = folder / CHEXNET.source.file
    torch.save({"epoch": 1, "state_dict": state}, path)
    return import_weights("chexnet", path, weights_dir=folder)


def test_the_findings_are_those_of_the_authors_list():
    """In the order of N_CLASSES and CLASS_NAMES of arnoweng/CheXNet, model.py."""
    assert CHEXNET.findings == (
        "Atelectasis", "Cardiomegaly", "Pleural Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax",
        "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural Thickening", "Hernia",
    )  # fmt: skip


def test_its_scores_are_those_of_the_published_network(network, weights):
    asked = ["Hernia", "Pneumonia", "Atelectasis"]
    classifier, _ = load_published_classifier(weights, asked, 64)
    images = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    mean, std = (torch.tensor(each)[:, None, None] for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        expected = network((images.expand(-1, 3, -1, -1) - mean) / std)[:, [13, 6, 0]]
        # the gray stem sees the three channels' own normalisation as one, which differs at the border alone
        torch.testing.assert_close(classifier(images), expected, rtol=0.02, atol=0.02)
    assert (expected.std(1) > 0.3).all()  # findings in another order would not pass


def test_a_run_holds_what_a_fine_tuning_leaves(weights, store, images, tmp_path):
    findings = ["Cardiomegaly", "Pneumothorax"]
    ids = [f"film{n:02d}" for n in range(40, 60)]
    out = score_as_published(
        weights, store, images(0, 28), images(28, 40), ids, findings,
        settings=FinetuneSettings(precision="fp32", device="cpu", batch_size=8), seed=0, directory=tmp_path / "out",
    )  # fmt: skip
    classifier, card = load_classifier(out)
    assert (card.method, card.findings, card.n_training_images) == ("as published", findings, 0)
    assert [statement.list for statement in card.statements] == ["split_chexnet"]
    assert card.sha256 == file_sha256(out / "model.safetensors")
    assert pl.read_parquet(out / "curves.parquet").is_empty()
    scores = read_scores(out / SCORES, store, ids).drop("image_id").to_numpy()
    with torch.no_grad():
        logits = classifier(torch.from_numpy(store.pixels[40:60] / 255).float().unsqueeze(1))
    np.testing.assert_allclose(scores, logits.sigmoid().numpy(), atol=1e-5)


def test_a_finding_that_it_lacks_and_an_encoder_alone_are_refused(weights, tmp_path):
    with pytest.raises(HilumError, match=r"found none of Fracture; it has Atelectasis, .* Hernia"):
        load_published_classifier(weights, ["Pneumonia", "Fracture"], 64)
    with pytest.raises(HilumError, match="expected weights with a classifier"):
        read_classifier(tmp_path)
