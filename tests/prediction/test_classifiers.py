import json
import shutil

import numpy as np
import pytest
import torch

import hilum
from hilum.errors import HilumError
from hilum.prediction import load_package


@pytest.fixture
def image(arm):
    return next(arm.root.rglob("*.png"))


def test_a_run_and_its_package_are_loaded_alike(arm, model_directory, image):
    run, package = hilum.load_classifier(arm.seeds[0].directory), hilum.load_classifier(model_directory / "seed-0")
    assert isinstance(package, torch.nn.Module)
    assert not package.training
    assert run.findings == package.findings
    views = package.preprocess(image)
    assert views.shape == (1, 1, package.image_size, package.image_size)
    assert torch.equal(views, run.preprocess(str(image)))
    with torch.no_grad():
        probabilities = package(views)
        # rows of memory are in another order, and so are sums
        assert torch.allclose(probabilities, run(views), atol=1e-6)
    loaded = load_package(model_directory / "seed-0", device="cpu", self_test=False)
    wanted = loaded.probabilities(loaded.preprocess(image)[None], precision="fp32")
    assert probabilities.numpy() == pytest.approx(wanted, abs=1e-6)
    assert package.thresholds == loaded.thresholds
    assert package.description == loaded.description
    assert run.description is None
    assert package.card.sha256 == run.card.sha256


def test_an_ensemble_is_the_mean_of_its_seeds(model_directory, image):
    ensemble = hilum.load_classifier(str(model_directory), ensemble=True)
    seeds = [hilum.load_classifier(model_directory / f"seed-{seed}", self_test=False) for seed in (0, 1)]
    views = ensemble.preprocess(image)
    with torch.no_grad():
        mean = np.mean([seed(views).numpy() for seed in seeds], axis=0)
        assert ensemble(views).numpy() == pytest.approx(mean, abs=1e-6)
    assert [card.seed for card in ensemble.cards] == [0, 1]
    assert ensemble.thresholds != seeds[0].thresholds


def test_what_does_not_say_which_is_refused(arm, model_directory):
    with pytest.raises(HilumError, match="an arm of 2 seeds"):
        hilum.load_classifier(model_directory)
    with pytest.raises(HilumError, match="hilum package"):
        hilum.load_classifier(arm.seeds[0].directory, ensemble=True)


def test_a_package_that_is_damaged_is_refused(model_directory, tmp_path):
    broken = tmp_path / "model"
    shutil.copytree(model_directory / "seed-0", broken)
    card = json.loads((broken / "card.json").read_text())
    card["preprocessing"] = [{"square": "pad"}, {"resize": 32}, "equalize"]
    (broken / "card.json").write_text(json.dumps(card))
    with pytest.raises(HilumError, match="reference radiographs"):
        hilum.load_classifier(broken)
