"""Lockstep against alone: every trial against `finetune` with the same settings, on its own."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from hilum.encoders.probe import mean_auroc
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError
from hilum.finetune.finetune import finetune
from hilum.finetune.lane_memory import lockstep_bytes
from hilum.finetune.settings import FinetuneSettings
from hilum.finetune.trial_grids import GRIDS
from hilum.finetune.trials import TrialResult, TrialResults, read_trials, refit, train_trials

FINDINGS = ["Cardiomegaly", "Pneumothorax"]
SEED = 5
TRAIN, VAL, TEST = (0, 40), (40, 52), (52, 60)
BASE = FinetuneSettings(
    epochs=10,
    batch_size=8,
    lr=1e-3,
    weight_decay=1e-2,
    patience=None,
    policy="none",
    unfreeze=0,
    precision="fp32",
    device="cpu",
    workers=0,
)
"""Of 40 films: 5 steps an epoch, 50 in all."""
CLOSE = 1e-5


def together(store, films, where, trials, *, encoder="resnet18", **options):
    return train_trials(
        store, films(*TRAIN), films(*VAL), trials,
        init="random", encoder_name=encoder, findings=FINDINGS, seed=SEED, directory=where, **options,
    )  # fmt: skip


def alone(store, films, where, settings, *, encoder="resnet18"):
    """Curves, and scores of the validation films, of `finetune`."""
    val = films(*VAL)
    out = finetune(
        "random", encoder, store, films(*TRAIN), val, val.image_ids, FINDINGS,
        settings=settings, seed=SEED, directory=where,
    )  # fmt: skip
    scores = pl.read_parquet(out / "scores.parquet").drop("image_id").to_numpy()
    return pl.read_parquet(out / "curves.parquet"), scores


def assert_each_is_as_alone(store, films, tmp_path, trials, *, encoder="resnet18", **options):
    results = together(store, films, tmp_path / "trials", trials, encoder=encoder, **options)
    targets = films(*VAL).targets
    for trial, settings in enumerate(trials):
        curves, scores = alone(store, films, tmp_path / f"alone{trial}", settings, encoder=encoder)
        own = results.curves.filter(trial=trial)
        for column in ("epoch", "step"):
            assert own[column].to_list() == curves[column].to_list()
        for column in ("train_loss", "val_loss", "lr"):
            np.testing.assert_allclose(own[column], curves[column], rtol=0, atol=CLOSE, err_msg=f"{trial} {column}")
        result = results.trials[trial]
        assert result.settings == settings
        assert result.best_epoch == 1 + int(np.argmin(curves["val_loss"]))
        assert result.validation_loss == pytest.approx(curves["val_loss"].min(), abs=CLOSE)
        np.testing.assert_allclose(results.scores()[trial], scores, rtol=0, atol=CLOSE, err_msg=str(trial))
        assert result.auroc == pytest.approx(mean_auroc(scores, targets), abs=1e-6)
    return results


DIFFERENT = [
    {},
    {"lr": 1e-2, "dropout": 0.4},
    {"lr": 1e-4, "weight_decay": 0.0, "dropout": 0.2},
    {"lr": 3e-3, "dropout": 0.2, "schedule": "constant", "warmup_epochs": 1.5},
    {"lr": 3e-2, "patience": 1, "schedule": "plateau"},
    {"head_lr": 5e-3, "epochs": 4, "optimizer": "sgd"},
    {"lr": 1e-2, "patience": 2, "optimizer": "adam", "weight_decay": 1e-1},
]


@pytest.mark.parametrize("head", ["linear", "mlp", "two_layers"])
def test_heads_trained_at_once_are_the_heads_trained_alone(store, films, tmp_path, head):
    results = assert_each_is_as_alone(store, films, tmp_path, [replace(BASE, head=head, **own) for own in DIFFERENT])
    ended = [trial.status for trial in results.trials]
    assert ended[0] == ended[5] == "finished"
    assert results.trials[5].epochs == 4
    assert len(set(results.curves.filter(epoch=4)["train_loss"].round(6))) == results.curves.filter(epoch=4).height


@pytest.mark.parametrize("answer", ["each_or_uncertain", "each"])
def test_heads_of_augmented_films_share_views_and_features(store, films, tmp_path, answer):
    trials = [replace(BASE, epochs=3, policy="finetune", answer=answer, head="mlp", **own) for own in DIFFERENT[:3]]
    assert_each_is_as_alone(store, films, tmp_path, trials)


UNFROZEN = [
    {"unfreeze": 0, "lr": 1e-3, "dropout": 0.2},
    {"unfreeze": 1, "lr": 1e-4},
    {"unfreeze": 1, "lr": 3e-5, "head_lr": 1e-3, "weight_decay": 0.1, "dropout": 0.4},
    {"unfreeze": 2, "lr": 1e-4, "head": "mlp", "patience": 1, "optimizer": "adam"},
    {"unfreeze": 2, "lr": 1e-3, "optimizer": "sgd", "schedule": "plateau", "epochs": 6},
]


@pytest.mark.parametrize("encoder", ["resnet18", "vit_tiny_patch16_224"])
@pytest.mark.parametrize("policy", ["none", "finetune"])
def test_trials_behind_a_shared_frozen_front_are_the_trials_alone(store, films, tmp_path, encoder, policy):
    trials = [replace(BASE, policy=policy, **own) for own in UNFROZEN]
    assert_each_is_as_alone(store, films, tmp_path, trials, encoder=encoder)
