import re
from dataclasses import replace

import polars as pl

from hilum.report.figures import canvas, training_figures


def made(study, stage: str) -> dict[str, str]:
    with canvas.style():
        return {figure.name: figure.svg for figure in training_figures(study, stage)}


def test_pretraining_shows_the_loss_and_what_was_watched(study):
    assert list(made(study, "pretrain")) == [
        "pretrain_train_loss",
        "pretrain_feature_spread",
        "pretrain_effective_rank",
    ]
    plain = replace(study, curves=study.curves.drop("feature_spread", "effective_rank"))
    assert list(made(plain, "pretrain")) == ["pretrain_train_loss"]


def test_fine_tuning_has_a_panel_for_each_arm_and_one_for_all(study):
    each = ["finetune_scratch", "finetune_simclr", "finetune_mocov2"]
    assert list(made(study, "finetune")) == ["finetune_all_arms", *each]


def test_a_stage_that_did_not_happen_has_no_figures(study):
    only = replace(study, curves=study.curves.filter(pl.col("stage") == "finetune"))
    assert made(only, "pretrain") == {}
    assert made(replace(study, curves=pl.DataFrame()), "finetune") == {}


def test_the_selected_epoch_is_marked_once_a_seed(study):
    column = {"val_loss": pl.when(pl.col("epoch") == 3).then(0.1).otherwise("val_loss")}
    one_arm = study.curves.filter(pl.col("arm") == "scratch").with_columns(**column)
    svg = made(replace(study, curves=one_arm), "finetune")["finetune_scratch"]
    assert re.findall("<title>(.*?)</title>", svg) == [
        f"Seed {seed}: epoch 3 selected, validation loss 0.100" for seed in (0, 1)
    ]


def test_one_epoch_and_missing_losses_are_drawn_without_complaint(study):
    short = study.curves.filter(pl.col("epoch") == 0).with_columns(val_loss=pl.lit(float("nan")))
    assert len(made(replace(study, curves=short), "finetune")) == 3
