import pytest

from hilum.errors import HilumError
from hilum.training.settings import TrainingSettings


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "training.epochs: expected at least 1; found 0"),
        ({"lr": 0}, "training.lr: expected a positive number; found 0"),
        ({"weight_decay": -1}, "training.weight_decay: expected zero or more; found -1"),
        ({"warmup_epochs": 6}, "training.warmup_epochs: expected 0 to 5; found 6"),
        ({"clip_grad_norm": 0}, "training.clip_grad_norm: expected a positive number; found 0"),
        ({"patience": 0}, "training.patience: expected at least 1, or none; found 0"),
        ({"optimizer": "lion"}, "training.optimizer: expected one of adamw, adam, sgd, lars; found lion"),
        ({"schedule": "linear"}, "training.schedule: expected one of cosine, constant, plateau; found linear"),
        ({"weight_decay_end": -1}, "training.weight_decay_end: expected zero or more, or none; found -1"),
        ({"layer_decay": 1.1}, "training.layer_decay: expected above 0, at most 1; found 1.1"),
        ({"gradient_accumulation_steps": 0}, "training.gradient_accumulation_steps: expected at least 1; found 0"),
        ({"freeze_encoder_steps": -1}, "training.freeze_encoder_steps: expected zero or more; found -1"),
        ({"precision": "fp8"}, "training.precision: expected one of auto, bf16, fp16, fp32; found fp8"),
        ({"device": "tpu"}, "training.device: expected one of auto, cpu, cuda; found tpu"),
    ],
)
def test_a_wrong_value_names_its_field_and_what_is_allowed(wrong, message):
    with pytest.raises(HilumError) as caught:
        TrainingSettings(**({"epochs": 5, "lr": 0.1} | wrong))
    assert str(caught.value).startswith(message)


def test_how_often_checkpoints_are_written_is_not_part_of_what_decides_the_result():
    often, seldom = (TrainingSettings(epochs=1, lr=0.1, checkpoint_every_seconds=s) for s in (0, 600))
    assert often.as_data() == seldom.as_data()
    assert often.as_data() != TrainingSettings(epochs=2, lr=0.1).as_data()
