from dataclasses import asdict, fields

import pytest

from hilum.errors import HilumError
from hilum.finetuning.settings import FinetuneSettings
from hilum.training.settings import TrainingSettings


def test_the_loop_gets_every_setting_that_both_have():
    settings = FinetuneSettings(
        epochs=7, lr=0.3, weight_decay=0.2, patience=2, optimizer="sgd", schedule="constant", warmup_epochs=1.5,
        precision="bf16", device="cpu", checkpoint_every_seconds=3,
    )  # fmt: skip
    training = settings.training(seed=11, images=100)
    common = {field.name for field in fields(FinetuneSettings)} & {field.name for field in fields(TrainingSettings)}
    assert len(common) == 10
    assert {name: asdict(training)[name] for name in common} == {name: asdict(settings)[name] for name in common}
    assert training.seed == 11


def test_a_budget_of_steps_becomes_whole_epochs_of_the_images_at_hand():
    budget = FinetuneSettings(steps=200, batch_size=32, validations=25)
    assert [budget.epochs_of(images) for images in (14, 32, 126, 10_000)] == [200, 200, 50, 1]
    assert FinetuneSettings(steps=200, drop_last=True).epochs_of(126) == 67
    assert [budget.training(0, images).validate_every for images in (14, 126, 10_000)] == [8, 2, 1]
    assert FinetuneSettings(epochs=3).epochs_of(126) == 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "finetune.steps: expected 1 or more; found 0"),
        ({"validations": -1}, "finetune.validations: expected 1 or more; found -1"),
        ({"dropout": 1.0}, "finetune.dropout: expected 0 to below 1"),
        ({"batch_size": 0}, "finetune.batch_size"),
        ({"head": "deep"}, "finetune.head: expected one of linear, mlp, two_layers; found deep"),
        ({"pooling": "max"}, "finetune.pooling: expected one of own, cls, mean, cls_mean, gem, attention; found max"),
    ],
)
def test_wrong_values_name_their_field(wrong, message):
    with pytest.raises(HilumError, match=message):
        FinetuneSettings(**wrong)
