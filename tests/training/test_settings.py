import pytest

from hilum.errors import HilumError, HilumErrors
from hilum.training.settings import TrainingSettings


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "training.epochs: expected a whole number of at least 1; found 0"),
        ({"lr": 0}, "training.lr: expected a number above 0; found 0"),
        ({"weight_decay": -1}, "training.weight_decay: expected a number of at least 0; found -1"),
        ({"warmup_epochs": 6}, "training.warmup_epochs: expected at most `epochs`, 5; found 6"),
        ({"clip_grad_norm": 0}, "training.clip_grad_norm: expected a number above 0, or null; found 0"),
        ({"patience": 0}, "training.patience: expected a whole number of at least 1, or null; found 0"),
        ({"optimizer": "lion"}, "training.optimizer: expected one of adamw, adam, sgd, lars; found lion"),
        ({"schedule": "linear"}, "training.schedule: expected one of cosine, constant, plateau; found linear"),
        ({"weight_decay_end": -1}, "training.weight_decay_end: expected a number of at least 0, or null; found -1"),
        ({"layer_decay": 1.1}, "training.layer_decay: expected a number above 0, at most 1; found 1.1"),
        (
            {"gradient_accumulation_steps": 0},
            "training.gradient_accumulation_steps: expected a whole number of at least 1; found 0",
        ),
        (
            {"freeze_encoder_steps": -1},
            "training.freeze_encoder_steps: expected a whole number of at least 0; found -1",
        ),
        ({"precision": "fp8"}, "training.precision: expected one of auto, bf16, fp16, fp32; found fp8"),
        ({"device": "tpu"}, "training.device: expected one of auto, cpu, cuda; found tpu"),
        ({"plateau_min_lr": 0.1}, "training.plateau_min_lr: expected below `lr`, 0.1; found 0.1"),
        ({"stop_below_lr": 1e-3}, "training.stop_below_lr: expected a plateau, which lowers `lr`; found cosine"),
    ],
)
def test_a_wrong_value_names_its_field_and_what_is_allowed(wrong, message):
    with pytest.raises(HilumError) as caught:
        TrainingSettings(**({"epochs": 5, "lr": 0.1} | wrong))
    assert str(caught.value).startswith(message)


def test_all_wrong_values_are_reported_together():
    with pytest.raises(HilumErrors) as caught:
        TrainingSettings(epochs=0, lr="fast", warmup_epochs=3, patience=0, stop_below_lr=1)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        f"training.{name}" for name in ("epochs", "lr", "patience", "stop_below_lr")
    ]


def test_how_often_checkpoints_are_written_is_not_part_of_what_decides_the_result():
    often, seldom = (TrainingSettings(epochs=1, lr=0.1, checkpoint_every_seconds=s) for s in (0, 600))
    assert often.as_data() == seldom.as_data()
    assert often.as_data() != TrainingSettings(epochs=2, lr=0.1).as_data()
