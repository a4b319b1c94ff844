import pytest

from hilum.augment import AUGMENTATIONS, Augmentation
from hilum.errors import HilumErrors
from hilum.pretext.settings import parse_overrides


def test_settings_of_the_run_and_of_the_method_are_distinguished():
    message = parse_overrides(
        "simclr", ["lr=1e-4", "temperature=0.1", "augmentation=finetune"], epochs=3, batch_size=None
    )
    assert message.run.given() == {"epochs": 3, "lr": 1e-4, "augmentation": "finetune"}
    assert message.options == {"temperature": 0.1}


def test_every_kind_of_value_is_read():
    message = parse_overrides(
        "simclr",
        [
            "preset=10k", "optimizer=lars", "lr=2", "layer_decay=0.9", "weight_decay=1e-6", "weight_decay_end=0",
            "warmup_epochs=0.5", "clip_grad_norm=null", "gradient_accumulation_steps=2", "activation_checkpointing=true", "freeze_encoder_steps=40",
            "local_size=32", "probe_every=5", "precision=fp16",
        ],
    )  # fmt: skip
    assert message.run.given() == {
        "preset": "10k",
        "optimizer": "lars",
        "lr": 2.0,
        "layer_decay": 0.9,
        "weight_decay": 1e-6,
        "weight_decay_end": 0.0,
        "warmup_epochs": 0.5,
        "clip_grad_norm": None,  # reported: not at all
        "gradient_accumulation_steps": 2,
        "activation_checkpointing": True,
        "freeze_encoder_steps": 40,
        "local_size": 32,
        "probe_every": 5,
        "precision": "fp16",
    }


def test_everything_that_is_wrong_is_reported_at_once():
    with pytest.raises(HilumErrors) as caught:
        parse_overrides(
            "simclr",
            [
                "temprature=0.1", "temperature=-1", "lr=fast", "epochs", "warmup_epochs=-2", "batch_size=1",
                "optimizer=adan", "preset=5k", "augmentation=simcrl", "gradient_accumulation_steps=true",
            ],
            epochs=0,
            device="tpu",
        )  # fmt: skip
    expected = str(caught.value)
    for problem in (
        "temprature: no such setting; do you mean temperature?",
        "temperature: expected a number above 0; found -1",
        "lr: expected a number above 0; found 'fast'",
        "epochs: expected KEY=VALUE",
        "epochs: expected a whole number of at least 1; found 0",
        "warmup_epochs: expected a number of at least 0; found -2",
        "batch_size: expected a whole number of at least 2; found 1",
        "optimizer: expected one of adamw, adam, sgd, lars; found 'adan'",
        "preset: expected one of 1k, 10k, 100k, 1M; found '5k'",
        "augmentation: expected one of ",
        "gradient_accumulation_steps: expected a whole number of at least 1; found True",
        "device: expected one of auto, cpu, cuda; found tpu",
    ):
        assert problem in expected
    assert len(caught.value.problems) == 12


def test_a_setting_that_is_reported_twice_is_not_guessed():
    with pytest.raises(HilumErrors, match="epochs: given twice"):
        parse_overrides("simclr", ["epochs=4"], epochs=3)
    with pytest.raises(HilumErrors, match="temperature: given twice"):
        parse_overrides("simclr", ["temperature=0.1", "temperature=0.2"])


@pytest.mark.parametrize("optimizer", ["sgd", "lars"])
def test_an_optimizer_that_no_preset_is_for_needs_its_learning_rate(optimizer):
    with pytest.raises(HilumErrors, match=f"lr: expected a value suitable for {optimizer}; found none"):
        parse_overrides("simclr", [f"optimizer={optimizer}"])


def test_an_augmentation_may_be_a_file_of_ranges(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("like: simclr\nflip: 0\n")
    message = parse_overrides("dino", [f"second_augmentation={path}"], augmentation=str(path))
    mine = Augmentation(**(AUGMENTATIONS["simclr"].ranges() | {"flip": 0}))
    assert message.run.given() == {"augmentation": mine, "second_augmentation": mine}


def test_what_is_wrong_with_an_augmentations_file_is_reported_beside_the_rest(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("flop: 0\n")
    with pytest.raises(HilumErrors) as caught:
        parse_overrides("dino", ["epochs=0", "local_augmentation=missing.yaml"], augmentation=str(path))
    expected = str(caught.value)
    assert "augmentation: " in expected
    assert "flop: is not a range of views; did you mean 'flip'?" in expected
    assert "local_augmentation: missing.yaml: expected an augmentation's file; found no file" in expected
    assert "epochs: " in expected
