import json
import math
import shutil

import numpy as np
import pytest
import torch
from scipy.special import expit, logit

from hilum.errors import HilumError
from hilum.evaluation.thresholds import choose_thresholds
from hilum.finetuning.scores import SCORES, read_scores
from hilum.prediction import load_package
from hilum.prediction.self_test import TOLERANCE, check_reference


def test_a_model_directory_is_whole(model_directory, arm, tmp_path):
    alone = tmp_path / "elsewhere"
    shutil.copytree(model_directory / "seed-0", alone)  # nothing beside it is needed
    loaded = load_package(alone, device="cpu")
    assert isinstance(loaded.model, torch.nn.Module)
    assert not loaded.model.training
    assert loaded.findings == ["Infiltration", "Pleural Effusion", "Atelectasis"]
    assert loaded.recipe == arm.store.recipe
    assert loaded.thresholds == choose_thresholds(arm.seeds[0].validation, "youden").values
    assert len(loaded.ledger) > 0
    described = loaded.description
    assert described.measured_on == "test of phantom, patients (000000)"
    assert {each.metric for each in described.measured} == {"auroc", "auprc", "sensitivity", "specificity"}
    assert any(each.ci_low is not None and each.ci_low <= each.estimate <= each.ci_high for each in described.measured)
    effusion = described.findings[1]
    assert [(code.scheme, code.code) for code in effusion.codes] == [("SCT", "60046008"), ("RADLEX", "RID34539")]
    assert described.training_range.views == ["AP", "PA"]
    assert len(described.training_range.typical) == 256


def test_probabilities_are_those_of_the_study_to_the_bit_whatever_the_batch(model_directory, arm):
    wanted = read_scores(arm.seeds[1].directory / SCORES, arm.store, arm.scored_ids).drop("image_id").to_numpy()
    loaded = load_package(model_directory / "seed-1", device="cpu", self_test=False)
    pixels = arm.store.gather(arm.store.rows(arm.scored_ids))
    assert wanted.dtype == np.float32
    for size in (16, 5, 1):
        parts = [loaded.probabilities(pixels[at : at + size], fill_to=16) for at in range(0, len(pixels), size)]
        assert (np.concatenate(parts) == wanted).all()
    assert loaded.batch_size == 16
    alone = np.concatenate([loaded.probabilities(each[None]) for each in pixels[:4]])
    assert alone == pytest.approx(wanted[:4], abs=1e-6)


def test_an_ensemble_is_the_mean_probability_and_has_thresholds_of_its_own(model_directory, arm):
    ensemble = load_package(model_directory, ensemble=True, device="cpu")
    seeds = [load_package(model_directory / f"seed-{seed}", device="cpu", self_test=False) for seed in (0, 1)]
    pixels = arm.store.gather(arm.store.rows(arm.scored_ids[:6]))
    mean = np.mean([seed.probabilities(pixels) for seed in seeds], axis=0)
    assert ensemble.probabilities(pixels) == pytest.approx(mean, abs=1e-6)
    logits = ensemble.model(ensemble.views(pixels)).detach().numpy()
    assert expit(logits) == pytest.approx(mean, abs=0.02)  # in float32, where training was in fewer bits
    assert ensemble.thresholds != seeds[0].thresholds
    assert len(ensemble.cards) == 2


def test_an_arm_of_several_seeds_asks_which(model_directory):
    with pytest.raises(HilumError, match="--ensemble"):
        load_package(model_directory)
    with pytest.raises(HilumError, match="a single classifier"):
        load_package(model_directory / "seed-0", ensemble=True)


def test_calibration_is_a_slope_and_a_shift_of_the_logit(model_directory):
    described = load_package(model_directory / "seed-0", device="cpu", self_test=False).description
    probabilities = np.array([[0.2, 0.5, 0.9]])
    found = described.calibrated(probabilities)[0]
    for value, given, finding in zip(found, probabilities[0], described.findings, strict=True):
        if finding.calibration is None:
            assert math.isnan(value)
            assert finding.notes
        else:
            scale = finding.calibration
            assert value == pytest.approx(expit(scale.slope * logit(given) + scale.shift))


def test_a_model_that_does_not_reproduce_its_outputs_is_refused(model_directory, tmp_path):
    broken = tmp_path / "model"
    shutil.copytree(model_directory / "seed-0", broken)
    card = json.loads((broken / "card.json").read_text())
    card["preprocessing"] = [{"square": "pad"}, {"resize": 32}, "equalize"]  # weights and sizes fit all the same
    (broken / "card.json").write_text(json.dumps(card))
    with pytest.raises(HilumError, match="reference radiographs"):
        load_package(broken, device="cpu")
    loaded = load_package(broken, device="cpu", self_test=False)
    with pytest.raises(HilumError, match="a difference of"):
        check_reference(broken, loaded.preprocess, loaded.probabilities)


def test_the_self_test_holds_with_room(model_directory):
    loaded = load_package(model_directory / "seed-0", device="cpu", self_test=False)
    score = lambda pixels: loaded.probabilities(pixels, precision="fp32")  # noqa: E731
    assert check_reference(model_directory / "seed-0", loaded.preprocess, score) < TOLERANCE / 10


@pytest.mark.parametrize("name", ["model.json", "card.json", "model.safetensors", "reference/outputs.json"])
def test_a_directory_that_lacks_a_part_is_refused(model_directory, tmp_path, name):
    broken = tmp_path / "model"
    shutil.copytree(model_directory / "seed-0", broken)
    (broken / name).unlink()
    with pytest.raises(HilumError, match=name.rpartition("/")[2]):
        load_package(broken, device="cpu")


def test_what_training_left_says_how_it_becomes_a_model(arm):
    with pytest.raises(HilumError, match="hilum package"):
        load_package(arm.seeds[0].directory)


def test_no_patient_is_named_in_it(model_directory, arm):
    names = set(arm.manifest["image_id"]) | {f'"{patient}"' for patient in arm.manifest["patient_id"]}
    for path in model_directory.rglob("*.json"):
        text = path.read_text()
        assert not [name for name in names if name in text]
