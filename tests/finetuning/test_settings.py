from dataclasses import asdict, fields

import pytest

from hilum.data.resampling import Resampling
from hilum.encoders.toh2023 import OWN_CLASSIFIERS
from hilum.errors import HilumError, HilumErrors
from hilum.finetuning.settings import WITH_OWN_HEAD, FinetuneSettings
from hilum.training.optim import learning_rate_factor
from hilum.training.settings import TrainingSettings


def test_the_loop_gets_every_setting_that_both_have():
    settings = FinetuneSettings(
        epochs=7, lr=0.3, weight_decay=0.2, patience=2, optimizer="sgd", schedule="plateau", warmup_epochs=1.5,
        precision="bf16", device="cpu", checkpoint_every_seconds=3, keep="best_auroc", layer_decay=0.7,
        plateau_factor=0.3, plateau_patience=1, plateau_min_lr=1e-6, stop_below_lr=1e-5,
    )  # fmt: skip
    training = settings.training(seed=11, images=100)
    common = {field.name for field in fields(FinetuneSettings)} & {field.name for field in fields(TrainingSettings)}
    assert len(common) == 17
    assert {name: asdict(training)[name] for name in common} == {name: asdict(settings)[name] for name in common}
    assert training.seed == 11


def test_a_budget_of_steps_becomes_whole_epochs_of_the_images_at_hand():
    budget = FinetuneSettings(steps=200, batch_size=32, validations=25)
    assert [budget.epochs_of(images) for images in (14, 32, 126, 10_000)] == [200, 200, 50, 1]
    assert FinetuneSettings(steps=200, drop_last=True).epochs_of(126) == 67
    assert [budget.training(0, images).validate_every for images in (14, 126, 10_000)] == [8, 2, 1]
    assert FinetuneSettings(epochs=3).epochs_of(126) == 3


def test_a_warm_up_in_steps_has_as_many_steps():
    settings = FinetuneSettings(epochs=10, batch_size=8, warmup_steps=7)
    training = settings.training(0, images=30)  # 4 steps an epoch
    shares = [learning_rate_factor(step, 4, training) for step in range(8)]
    assert shares[:7] == [pytest.approx((step + 1) / 7) for step in range(7)]
    assert shares[7] == 1


def test_all_that_is_wrong_is_reported_at_once():
    with pytest.raises(HilumErrors) as reported:
        FinetuneSettings(lr=0, dropout=-0.1, reduction="weighted_mean", focal=2, label_smoothing=0.1, ema=1)
    assert [each.partition(":")[0] for each in reported.value.problems] == [
        f"finetune.{key}" for key in ("lr", "ema", "dropout", "reduction", "label_smoothing")
    ]


def test_every_architecture_with_a_head_of_its_own_is_named():
    assert set(WITH_OWN_HEAD) == set(OWN_CLASSIFIERS)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "finetune.steps: expected a whole number of at least 1, or null; found 0"),
        ({"lr": 0.0}, "finetune.lr: expected a number above 0; found 0.0"),
        ({"unfreeze": -1}, "finetune.unfreeze: expected a whole number of at least 0, or all; found -1"),
        ({"resample": Resampling()}, "finetune.resample: expected output_type multiclass"),
        ({"class_weights": "class_frequency"}, "finetune.class_weights: expected negatives_per_positive"),
        ({"class_weights": "negatives_per_positive", "output_type": "multiclass"}, "expected class_frequency"),
        ({"head": "attention", "pooling": "mean"}, "finetune.pooling: expected own; found mean with the attention"),
        ({"stop_below_lr": 1e-7}, "finetune.stop_below_lr: expected schedule plateau"),
        ({"keep": "first"}, "finetune.keep: expected one of lowest, last, best_auroc"),
        ({"tta": "twenty_crop"}, "finetune.tta: expected one of none, flip, ten_crop"),
    ],
)
def test_values_that_do_not_go_together_say_so(wrong, message):
    with pytest.raises(HilumError, match=message):
        FinetuneSettings(**wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "finetune.steps: expected a whole number of at least 1, or null; found 0"),
        ({"validations": -1}, "finetune.validations: expected a whole number of at least 1, or null; found -1"),
        ({"dropout": 1.0}, "finetune.dropout: expected a number of at least 0, below 1"),
        ({"batch_size": 0}, "finetune.batch_size"),
        ({"head": "deep"}, "finetune.head: expected one of linear, mlp, two_layers, own, attention; found deep"),
        (
            {"pooling": "max"},
            "finetune.pooling: expected one of own, cls, mean, cls_mean, cls_last4, cls_last4_mean, gem, attention; "
            "found max",
        ),
    ],
)
def test_wrong_values_name_their_field(wrong, message):
    with pytest.raises(HilumError, match=message):
        FinetuneSettings(**wrong)
