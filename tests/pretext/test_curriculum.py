"""Small views first, full ones later."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hilum.encoders.card import read_card
from hilum.encoders.weights import load_encoder
from hilum.errors import HilumError, HilumErrors
from hilum.pretext.methods import METHODS
from hilum.pretext.modules import EarlySizes
from hilum.pretext.pretrain import pretrain
from hilum.pretext.settings import PretextSettings, SizeCurriculum, early_sizes, mean_size
from hilum.training.settings import TrainingSettings

ENCODER = dict.fromkeys(METHODS, "toh2023_xvt") | {"dinov2": "vit_tiny_patch16_224", "fcmae": "convnextv2_atto"}
OPTIONS = {"local_crops": 1, "prototypes": 16}
SIZES = SizeCurriculum(start=32, until=0.5)


@pytest.fixture
def store(store_of):
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    draw = np.random.default_rng(0)
    waves = [np.sin(a * x + b * y + c) for a, b, c in draw.uniform(-6, 6, (16, 3))]
    return store_of(np.stack([np.clip(128 + 100 * wave, 0, 255) for wave in waves]).astype(np.uint8))


def run(method, store, directory, **more):
    with_locals = method in ("swav", "dino", "dinov2")
    start = SizeCurriculum(start=64, until=0.5, end=96) if method == "fcmae" else SIZES
    settings = PretextSettings(
        epochs=2, batch_size=8, precision="fp32", device="cpu", size=start, options=OPTIONS if with_locals else {}
    )
    return pretrain(
        method,
        store,
        store.image_ids,
        [f"patient {row}" for row in range(len(store.image_ids))],
        encoder=ENCODER[method],
        settings=settings,
        seed=0,
        directory=directory,
        split_title="",
        **more,
    )


@pytest.mark.parametrize(
    "method",
    [pytest.param(method, marks=[] if method == "dino" else pytest.mark.slow) for method in METHODS],
)
def test_a_killed_run_goes_on_at_the_size_of_its_epoch(method, store, tmp_path, monkeypatch):
    every_step = lambda **given: TrainingSettings(**given, checkpoint_every_seconds=0.0)  # noqa: E731
    monkeypatch.setattr("hilum.pretext.pretrain.TrainingSettings", every_step)
    whole = run(method, store, tmp_path / "whole")

    class Killed(Exception):
        pass

    def kill_at(step):
        def kill(done, total, note):
            if done == step:
                raise Killed

        return kill

    for step in (1, 3):  # within the first and within the second size
        with pytest.raises(Killed):
            run(method, store, tmp_path / "killed", on_progress=kill_at(step))
    run(method, store, tmp_path / "killed")
    states = [load_encoder(tmp_path / each)[0].state_dict() for each in ("whole", "killed")]
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    assert read_card(whole).image_size == (96 if method == "fcmae" else 64)


def test_the_first_epochs_see_small_views(store, tmp_path, monkeypatch):
    import hilum.pretext.modules.multi_crop as crops

    seen = []
    drawn = crops.random_views

    def noted(images, keys, augmentation, size, **place):
        seen.append((place["epoch"], size))
        return drawn(images, keys, augmentation, size, **place)

    monkeypatch.setattr(crops, "random_views", noted)
    run("dino", store, tmp_path / "run")
    assert set(seen) == {(0, 32), (1, 64), (1, 32)}  # local ones are of 32 px in both
    assert seen.count((0, 32)) == 2 * 3


def test_sizes_by_hand():
    sizes = SizeCurriculum(start=112, until=0.75)
    assert early_sizes(sizes, stored=224, local_size=96, epochs=100) == EarlySizes(75, 112, 48)
    assert early_sizes(sizes, stored=224, local_size=None, epochs=3) == EarlySizes(2, 112, 56)
    assert early_sizes(sizes, stored=224, local_size=None, epochs=2) == EarlySizes(1, 112, 56)
    assert early_sizes(sizes, stored=224, local_size=None, epochs=1) is None
    assert early_sizes(224, stored=512, local_size=None, epochs=10) is None
    assert mean_size(sizes, 224) ** 2 == pytest.approx(0.75 * 112**2 + 0.25 * 224**2)
    assert (mean_size(None, 64), mean_size(96, 64)) == (64, 96)


def test_views_that_would_not_grow_are_refused(store, tmp_path):
    with pytest.raises(HilumError, match="below 64 px"):
        early_sizes(SizeCurriculum(start=64, until=0.5), stored=64, local_size=None, epochs=4)
    with pytest.raises(HilumErrors):
        PretextSettings(size={"start": 16, "until": 0.5})


def test_one_size_has_the_fingerprint_it_had():
    assert "early" not in PretextSettings().fingerprint_fields()
    assert PretextSettings(size=64).fingerprint_fields()["size"] == 64
    assert PretextSettings(size=SIZES).fingerprint_fields()["size"] == {"start": 32, "until": 0.5, "end": None}
    assert replace(PretextSettings(), compile="on").fingerprint_fields() == PretextSettings().fingerprint_fields()
