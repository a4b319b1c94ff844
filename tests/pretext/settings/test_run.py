"""What settings of a run do to it: heads that warm up, other optimisers, parts of a batch, less memory."""

from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
import pytest
import torch

from hilum.encoders.weights import load_encoder
from hilum.errors import HilumError
from hilum.pretext.pretrain import pretrain
from hilum.pretext.settings import PretextSettings
from hilum.training.settings import TrainingSettings

TINY = PretextSettings(epochs=2, batch_size=8, precision="fp32", device="cpu")
MUCH = replace(
    TINY,
    optimizer="lars",
    lr=0.5,
    clip_grad_norm=1.0,
    gradient_accumulation_steps=2,
    layer_decay=0.8,
    weight_decay_end=0.4,
    activation_checkpointing=True,
    options={"teacher": "centering", "koleo_weight": 0.0},
)
"""All at once, for a vision transformer, which has no batch norm, and a teacher that takes a batch in parts."""


def run(method, store, directory, settings=TINY, encoder="toh2023_resnet", **more):
    return pretrain(
        method, store, store.image_ids, store.image_ids, encoder=encoder, settings=settings, seed=0,
        directory=directory, split_title="all", **more,
    )  # fmt: skip


@pytest.fixture
def store(store_of):
    """Sixteen images of 32 px, each with a gradient of its own."""
    ramp = np.linspace(-1, 1, 32)
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    waves = [np.cos(9 * (np.cos(a) * ramp[:, None] + np.sin(a) * ramp[None])) for a in angles]
    return store_of((127 + 120 * np.stack(waves)).astype(np.uint8))


def weights(directory):
    return load_encoder(directory)[0].state_dict()


def test_heads_train_alone_for_so_many_steps_and_then_the_encoder_does_too(store, tmp_path):
    start = run("simclr", store, tmp_path / "start")
    waiting = run("simclr", store, tmp_path / "all", replace(TINY, freeze_encoder_steps=4), encoder=start)
    first = weights(start)
    for name, value in weights(waiting).items():  # batch-norm statistics, too
        assert torch.equal(value, first[name]), name
    moving = run("simclr", store, tmp_path / "but-one", replace(TINY, freeze_encoder_steps=3), encoder=start)
    last = weights(moving)
    assert {int(value) for name, value in last.items() if "num_batches" in name} == {5}  # 4 of the start
    assert any(not torch.equal(value, first[name]) for name, value in last.items())


def test_going_on_from_weights_warms_heads_up_unless_given_otherwise(store, tmp_path):
    start = run("simclr", store, tmp_path / "start")
    on = run("mocov2", store, tmp_path / "on", encoder=start)
    message = run("mocov2", store, tmp_path / "message", replace(TINY, freeze_encoder_steps=0), encoder=start)
    steps = [load_encoder(each)[1].settings["freeze_encoder_steps"] for each in (start, on, message)]
    assert steps == [0, 1, 0]  # of 4 steps


def test_settings_reach_the_training_loop_and_the_card(store, tmp_path, monkeypatch):
    reached = []

    def note(**settings):
        reached.append(TrainingSettings(**settings))
        return reached[-1]

    monkeypatch.setattr("hilum.pretext.pretrain.TrainingSettings", note)
    directory = run("dino", store, tmp_path / "run", MUCH, encoder="vit_tiny_patch16_224")
    assert reached == [
        TrainingSettings(
            epochs=2, lr=0.5, weight_decay=1e-4, weight_decay_end=0.4, optimizer="lars", warmup_epochs=0.5,
            schedule="cosine", layer_decay=0.8, clip_grad_norm=1.0, gradient_accumulation_steps=2, activation_checkpointing=True, precision="fp32",
            device="cpu", seed=0,
        )
    ]  # fmt: skip
    settings = load_encoder(directory)[1].settings
    assert {name: settings[name] for name in ("optimizer", "clip_grad_norm", "gradient_accumulation_steps", "layer_decay", "activation_checkpointing")} == {
        "optimizer": "lars", "clip_grad_norm": 1.0, "gradient_accumulation_steps": 2, "layer_decay": 0.8, "activation_checkpointing": True,
    }  # fmt: skip
    assert settings["options"]["prototypes"] == 256
    assert pl.read_parquet(directory / "curves.parquet")["train_loss"].is_finite().all()


@pytest.mark.slow
def test_a_run_with_all_of_them_that_is_killed_ends_with_the_same_bits(store, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "hilum.pretext.pretrain.TrainingSettings", partial(TrainingSettings, checkpoint_every_seconds=0)
    )
    settings = replace(MUCH, lr=0.02, freeze_encoder_steps=2, options={**MUCH.options, "local_crops": 1, "prototypes": 16})

    class Killed(Exception):
        pass

    def kill(done, total, note):
        if done == 3:
            raise Killed

    vit = partial(run, "dino", store, settings=settings, encoder="vit_tiny_patch16_224")
    with pytest.raises(Killed):
        vit(directory=tmp_path / "killed", on_progress=kill)
    steps = []
    again = vit(directory=tmp_path / "killed", on_progress=lambda done, *_: steps.append(done))
    assert steps == [4]
    whole = vit(directory=tmp_path / "whole")
    assert (again / "encoder.safetensors").read_bytes() == (whole / "encoder.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("method", "change", "refusal"),
    [
        ("simclr", {"gradient_accumulation_steps": 2}, "every view is compared with all others of the batch"),
        ("mocov2", {"gradient_accumulation_steps": 2}, "its batch norm takes its statistics from the whole batch"),
        ("mocov2", {"activation_checkpointing": True}, "expected blocks without batch norm"),
        ("mocov2", {"precision": "fp16"}, "expected bf16 or fp32 on a CPU"),
    ],
)
def test_what_would_change_the_result_is_refused(method, change, refusal, store, tmp_path):
    with pytest.raises(HilumError, match=refusal):
        run(method, store, tmp_path / "run", replace(TINY, **change))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "encoder"),
    [
        ("simclr", "resnet18"), ("mocov2", "resnet18"), ("swav", "resnet18"), ("dino", "resnet18"),
        ("dinov2", "vit_tiny_patch16_224"), ("fcmae", "convnextv2_atto"),
    ],
)  # fmt: skip
def test_every_loss_is_finite_in_half_precision(method, encoder, store_of, tmp_path, monkeypatch):
    """The products of a GPU's fp16, computed on a CPU, which users are refused."""
    monkeypatch.setattr("hilum.training.fit.choose_precision", lambda requested, device: requested)
    size = 64 if method == "fcmae" else 32
    images = np.random.default_rng(0).integers(0, 256, (16, size, size), dtype=np.uint8)
    directory = run(method, store_of(images), tmp_path / "run", replace(TINY, precision="fp16"), encoder=encoder)
    assert pl.read_parquet(directory / "curves.parquet")["train_loss"].is_finite().all()
