"""Patients that a pretraining does not learn from: their loss is watched, and chooses the epoch."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from hilum.augment import augmentation_of
from hilum.encoders.card import read_card
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError, HilumErrors
from hilum.pretext.methods import METHODS, PretextRun, method_of, method_settings
from hilum.pretext.pretrain import pretrain
from hilum.pretext.settings import PretextSettings

TINY = PretextSettings(epochs=3, batch_size=8, precision="fp32", device="cpu", probe_every=0)
ENCODER = dict.fromkeys(METHODS, "toh2023_resnet") | {"dinov2": "vit_tiny_patch16_224", "fcmae": "convnextv2_atto"}


def noise(count, size=32):
    return np.random.default_rng(0).integers(0, 256, (count, size, size), dtype=np.uint8)


def run(store, directory, settings, seed=0):
    patients = [f"patient {row // 2}" for row in range(len(store.image_ids))]
    return pretrain(
        "simclr", store, list(store.image_ids), patients, encoder="toh2023_resnet", settings=settings, seed=seed,
        directory=directory, split_title="", probe=None,
    )  # fmt: skip


def test_the_epoch_of_the_lowest_loss_of_held_out_patients_is_kept(store_of, tmp_path):
    store = store_of(noise(40))
    run(store, tmp_path / "held", replace(TINY, validation=0.25, patience=3))
    curves, card = pl.read_parquet(tmp_path / "held/curves.parquet"), read_card(tmp_path / "held")
    assert curves["val_loss"].null_count() == 0
    assert card.epoch == curves.sort("val_loss")["epoch"][0]
    assert (card.n_training_images, len(card.training_patients)) == (30, 20)
    assert card.settings["validation"] == 0.25
    assert "of 10 held-out images" in str(card.notes[0])


def test_nothing_changes_for_runs_that_hold_out_nobody():
    assert "validation" not in TINY.fingerprint_fields()
    assert "patience" not in TINY.fingerprint_fields()


@pytest.mark.parametrize("method", METHODS)
def test_watching_the_loss_leaves_the_run_as_it_is_and_says_the_same_again(method, batch_of):
    chosen, size = method_of(method), 64 if method == "fcmae" else 32
    options = method_settings(method, {}).resolved(64, 8, 100)
    augmentations = (
        augmentation_of(chosen.augmentation),
        augmentation_of(chosen.local_augmentation or chosen.augmentation),
    )
    torch.manual_seed(0)
    trainable = chosen.create(
        create_encoder(ENCODER[method], seed=0), options,
        PretextRun(augmentations[0], augmentations[1], size, 32, images=64, batch_size=8, steps=100, seed=0, collapse_monitor=None),
    )  # fmt: skip
    before = {name: value.clone() for name, value in trainable.state_dict().items()}
    trainable.eval()
    with torch.no_grad():
        first, again = (trainable.validation_loss(batch_of(list(range(8)), size)) for _ in range(2))
    assert first[1] == 8
    assert torch.isfinite(first[0])
    assert torch.equal(first[0], again[0])
    assert all(torch.equal(before[name], value) for name, value in trainable.state_dict().items())


def test_too_few_to_hold_out_and_patience_without_them_are_refused(store_of, tmp_path):
    with pytest.raises(HilumErrors, match="patience: expected validation"):
        replace(TINY, patience=3)
    patients = ["one"] * 15 + ["other"]
    store = store_of(noise(16))
    with pytest.raises(HilumError, match="validation"):
        pretrain(
            "simclr", store, list(store.image_ids), patients, encoder="toh2023_resnet",
            settings=replace(TINY, validation=0.5), seed=0, directory=tmp_path / "few", split_title="", probe=None,
        )  # fmt: skip
