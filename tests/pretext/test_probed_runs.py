"""Whole pretraining runs that are probed while they train, on images whose label is to be seen."""

from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
import pytest

from hilum.data.labelled_images import LabelledImages
from hilum.data.patients import pseudonymised_names
from hilum.encoders.weights import load_encoder
from hilum.pretext.monitoring import OnlineProbe, probed_images
from hilum.pretext.pretrain import pretrain
from hilum.pretext.settings import PretextSettings
from hilum.training.settings import TrainingSettings

IMAGES, LEARNT = 40, 20
TINY = PretextSettings(epochs=3, batch_size=10, lr=3e-3, precision="fp32", device="cpu", keep="best_probe")


@pytest.fixture
def store(store_of):
    """A bright or a dark patch on noise."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 160, (IMAGES, 32, 32))
    pixels[:, 8:16, 8:16] += 40 * (np.arange(IMAGES) % 2)[:, None, None]
    return store_of(pixels.astype(np.uint8))


def labelled(store, rows, targets=None):
    truth = (np.arange(IMAGES) % 2).astype(np.float32)[:, None] if targets is None else targets
    ids = [store.image_ids[row] for row in rows]
    return LabelledImages(ids, [f"all:{row}" for row in rows], truth[list(rows)])


def probe_of(store, targets=None, val=range(LEARNT, IMAGES)):
    parts = labelled(store, range(LEARNT), targets), labelled(store, val, targets)
    return OnlineProbe(store, probed_images(["Mass"], *parts, seed=0))


def run(store, directory, settings=TINY, method="simclr", **more):
    learnt = store.image_ids[:LEARNT]
    patients = [f"all:{row}" for row in range(LEARNT)]
    return pretrain(
        method, store, learnt, patients, encoder="toh2023_xvt", settings=settings, seed=0, directory=directory,
        split_title="all", **more,
    )  # fmt: skip


def weights(directory):
    return (directory / "encoder.safetensors").read_bytes()


@pytest.mark.parametrize("method", ["simclr", pytest.param("dino", marks=pytest.mark.slow)])
def test_the_encoder_that_is_kept_is_that_of_the_best_probe(store, tmp_path, method):
    """What is loaded from disk reads what the curves say of the epoch that the card names."""
    probe = probe_of(store)
    assert probe.images.decides
    directory = run(store, tmp_path / "run", method=method, probe=probe)
    encoder, card = load_encoder(directory)
    read = pl.read_parquet(directory / "curves.parquet")["probe_auroc"]
    assert len(set(read)) > 1
    assert card.epoch == read.arg_max() + 1
    assert probe.compute(encoder, 32)["probe_auroc"] == pytest.approx(read[card.epoch - 1], abs=1e-9)
    assert str(card.notes[0]).startswith(
        f"epoch {card.epoch} of 3 was kept, the epoch with the best probe: probe AUROC {read.max():.3f}"
    )
    assert card.probe == probe.images.digest
    assert card.training_patients == pseudonymised_names(
        f"all:{row}" for row in range(IMAGES)
    )  # who chose the epoch has been seen


def test_with_too_few_positive_patients_the_run_is_the_one_without_a_probe(store, tmp_path):
    few = probe_of(store, val=range(LEARNT, LEARNT + 18))
    assert not few.images.decides
    probed = run(store, tmp_path / "probed", probe=few)
    plain = run(store, tmp_path / "plain", replace(TINY, probe_every=0), probe=probe_of(store))
    assert weights(plain) == weights(probed)
    assert "probe_auroc" not in pl.read_parquet(plain / "curves.parquet").columns
    assert pl.read_parquet(probed / "curves.parquet")["probe_auroc"].null_count() == 0
    cards = [load_encoder(directory)[1] for directory in (plain, probed)]
    assert (
        cards[0].training_patients
        == cards[1].training_patients
        == pseudonymised_names(f"all:{row}" for row in range(LEARNT))
    )
    assert [card.epoch for card in cards] == [3, 3]
    assert str(cards[0].notes[0]) == "epoch 3 of 3 was kept, the last one: not probed"
    assert "of findings with fewer than 10 positive patients" in str(cards[1].notes[0])


def test_unless_given_otherwise_the_last_epoch_is_kept_and_the_card_names_no_patient_of_the_probe(store, tmp_path):
    last = replace(TINY, keep="last")
    assert PretextSettings().keep == "last"
    probed, plain = run(store, tmp_path / "probed", last, probe=probe_of(store)), run(store, tmp_path / "plain", last)
    assert weights(probed) == weights(plain)
    card = load_encoder(probed)[1]
    assert card.epoch == 3
    assert str(card.notes[0]).startswith("epoch 3 of 3 was kept, the last one: probe AUROC 0.")
    assert card.training_patients == pseudonymised_names(f"all:{row}" for row in range(LEARNT))


@pytest.mark.slow
def test_a_run_that_is_killed_keeps_the_same_epoch_and_the_same_bits(store, tmp_path, monkeypatch):
    every_step = partial(TrainingSettings, checkpoint_every_seconds=0.0)
    monkeypatch.setattr("hilum.pretext.pretrain.TrainingSettings", every_step)

    class Killed(Exception):
        pass

    def kill(done, total, note):
        if done == 5:  # of 6, in the last epoch
            raise Killed

    probe = probe_of(store)
    whole = run(store, tmp_path / "whole", probe=probe)
    with pytest.raises(Killed):
        run(store, tmp_path / "killed", probe=probe, on_progress=kill)
    steps = []
    again = run(store, tmp_path / "killed", probe=probe, on_progress=lambda done, *_: steps.append(done))
    assert steps == [6]
    assert weights(again) == weights(whole)
    assert (again / "card.json").read_text() == (whole / "card.json").read_text()
