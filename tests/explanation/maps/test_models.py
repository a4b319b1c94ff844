import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from hilum.augment import plain_view
from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store
from hilum.encoders.card import Card
from hilum.explanation.maps import Model, load_models, maps_of_pairs, probabilities, random_twin
from hilum.explanation.maps.heat_maps import heat_maps
from hilum.finetuning.weights import write_classifier

FINDINGS = ["Mass", "Edema"]


@pytest.fixture
def store():
    pixels = np.random.default_rng(0).integers(0, 255, (20, 42, 42), dtype=np.uint8)
    nothing = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
    return Store(Path("memory"), pixels, [f"film{n}" for n in range(20)], nothing, parse_recipe([{"resize": 42}]))


@pytest.fixture
def model(classifier_of):
    card = Card(
        encoder="toh2023_xvt", method="finetune", settings={}, preprocessing=[{"resize": 42}], image_size=42, mean=0.5,
        std=0.25, seed=0, split="", training_patients=[], n_training_images=0, findings=FINDINGS,
    )  # fmt: skip
    return Model("xvt", classifier_of("toh2023_xvt", 42), card)


def test_every_pair_gets_the_map_of_its_image_and_finding(model, store):
    pairs = [(f"film{n}", FINDINGS[n % 2]) for n in range(18)] + [("film0", "Edema")]
    found = maps_of_pairs(model, store, pairs, "layercam")
    for row in (0, 1, 17, 18):
        image_id, finding = pairs[row]
        views = plain_view(torch.from_numpy(store.pixels[store.rows([image_id])])[:, None], 42)
        alone = heat_maps(model.classifier, views, [FINDINGS.index(finding)], "layercam")
        assert torch.allclose(found.maps[row], alone.maps[0, 0], atol=1e-6)


def test_probabilities_are_those_of_the_classifier(model, store):
    found = probabilities(model, store, ["film3", "film1"])
    views = plain_view(torch.from_numpy(store.pixels[[3, 1]])[:, None], 42)
    with torch.no_grad():
        assert found == pytest.approx(model.classifier(views).sigmoid().numpy(), abs=1e-6)


def test_a_random_twin_has_the_same_parts_and_other_weights(model):
    twin, again, other = (random_twin(model, seed).classifier.state_dict() for seed in (0, 0, 1))
    own = model.classifier.state_dict()
    assert {key: value.shape for key, value in twin.items()} == {key: value.shape for key, value in own.items()}
    assert all(torch.equal(value, again[key]) for key, value in twin.items())
    assert not torch.equal(twin["head.weight"], other["head.weight"])


def test_the_plan_of_a_study_names_arm_and_seed_whatever_the_folder_is_called(model, tmp_path):
    directory = tmp_path / "study" / "runs" / "a"
    directory.mkdir(parents=True)
    write_classifier(model.classifier, model.card, directory)
    (named,) = load_models([directory], torch.device("cpu"))
    assert (named.name, named.arm) == ("a", None)
    rows = [{"kind": "finetune", "directory": "runs/a", "arm": "xvt", "seed": 0}]
    (tmp_path / "study" / "plan.json").write_text(json.dumps(rows))
    (named,) = load_models([directory], torch.device("cpu"))
    assert (named.name, named.arm) == ("xvt (seed 0)", "xvt")


def test_plans_of_earlier_versions_leave_the_name_to_the_folder(model, tmp_path):
    directory = tmp_path / "arms" / "xvt" / "seed-0"
    directory.mkdir(parents=True)
    write_classifier(model.classifier, model.card, directory)
    (tmp_path / "plan.json").write_text(json.dumps([{"kind": "finetune", "directory": "arms/xvt/seed-0"}]))
    (named,) = load_models([directory], torch.device("cpu"))
    assert (named.name, named.arm) == ("xvt (seed 0)", "xvt")
