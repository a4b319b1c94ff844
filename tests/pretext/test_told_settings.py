import pytest

from hilum.errors import HilumErrors
from hilum.pretext.told_settings import explained_settings, told_settings


def test_settings_of_the_run_and_of_the_method_are_told_apart():
    settings = told_settings("simclr", ["lr=1e-4", "temperature=0.1", "policy=finetune"], epochs=3, batch_size=None)
    assert (settings.epochs, settings.batch_size, settings.lr, settings.policy) == (3, 128, 1e-4, "finetune")
    assert dict(settings.options) == {"temperature": 0.1}


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(HilumErrors) as caught:
        told_settings(
            "simclr",
            ["temprature=0.1", "temperature=-1", "lr=fast", "epochs", "warmup_epochs=-2", "batch_size=1"],
            epochs=0,
        )
    said = str(caught.value)
    for problem in (
        "temprature: no such setting; do you mean temperature?",
        "temperature: Input should be greater than 0",
        "lr: expected a number; found 'fast'",
        "epochs: expected KEY=VALUE",
        "epochs: expected at least 1; found 0",
        "warmup_epochs: expected zero or more; found -2",
        "batch_size: expected at least 2",
    ):
        assert problem in said
    assert len(caught.value.problems) == 7


def test_a_setting_that_is_said_twice_is_not_guessed():
    with pytest.raises(HilumErrors, match="epochs: said twice"):
        told_settings("simclr", ["epochs=4"], epochs=3)
    with pytest.raises(HilumErrors, match="temperature: said twice"):
        told_settings("simclr", ["temperature=0.1", "temperature=0.2"])


@pytest.mark.parametrize("method", ["simclr", "mocov2", "swav", "dino", "dinov2", "fcmae"])
def test_every_setting_is_told_with_a_reason(method):
    told = {each.name: each for each in explained_settings(method, told_settings(method, ["lr=0.01"]))}
    assert all(each.reason for each in told.values())
    assert told["lr"].given
    assert not told["epochs"].given
    assert ("local_size" in told) == (method in ("swav", "dino", "dinov2"))


def test_what_the_method_decides_is_said_so():
    told = {each.name: each.value for each in explained_settings("dino", told_settings("dino", []))}
    assert told["policy"] == "simclr"
    assert told["local_policy"] == "local"
    assert told["momentum"] == "own"
