from dataclasses import fields

import pytest

from hilum.finetuning.presets import GIVEN, IMAGES, NOT_SHOWN, nearest_preset, resolve_finetuning
from hilum.finetuning.settings import FinetuneSettings


@pytest.mark.parametrize(
    ("images", "name"), [(1, "10"), (14, "10"), (31, "10"), (32, "100"), (126, "100"), (320, "1k"), (78_468, "100k")]
)
def test_the_nearest_preset_on_the_logarithmic_scale_is_taken(images, name):
    assert nearest_preset(images) == name


@pytest.mark.parametrize("images", [*IMAGES.values(), 14, 126, 78_468])
@pytest.mark.parametrize("expected", [{}, {"unfreeze": 0}])
def test_a_run_is_never_shorter_than_200_steps_however_few_images_there_are(images, expected):
    """15 epochs of 14 images were 15 steps, and nothing was learnt."""
    resolved = resolve_finetuning(expected, images)
    assert resolved.steps >= 200
    assert resolved.epochs == resolved.settings.epochs_of(images)
    assert resolved.steps == resolved.epochs * resolved.settings.batches_of(images)


def test_no_labelled_image_waits_where_there_are_fewer_than_ten_batches():
    for images in (14, 126, 300):
        assert not resolve_finetuning({}, images).settings.drop_last
    assert resolve_finetuning({}, 1000).settings.drop_last


def test_what_was_given_wins_and_every_other_value_has_a_reason():
    resolved = resolve_finetuning({"lr": 0.5, "patience": None, "epochs": 3}, 1000)
    assert (resolved.settings.lr, resolved.settings.patience, resolved.epochs) == (0.5, None, 3)
    assert resolved.settings.steps is None
    message = {each.name: each for each in resolved.choices}
    assert {name for name, each in message.items() if each.origin == GIVEN} == {"lr", "patience", "epochs"}
    assert all(each.reason for each in resolved.choices if each.origin != GIVEN)
    assert "steps" not in message


def test_a_patience_that_was_given_is_waited_for_in_epochs():
    """A run that is validated a few times could hardly stop early."""
    assert resolve_finetuning({}, 126).settings.validations == 10
    for expected in ({"patience": 5}, {"schedule": "plateau"}):
        settings = resolve_finetuning(expected, 126).settings
        assert (settings.validations, settings.keep) == (None, "lowest")
    assert resolve_finetuning({"patience": 5, "validations": 10}, 126).settings.validations == 10


@pytest.mark.parametrize(
    ("expected", "selected"),
    [
        ({}, "last"), ({"patience": None}, "last"), ({"patience": 5}, "lowest"), ({"validations": 4}, "lowest"),
        ({"validations": 4, "keep": "last"}, "last"), ({"keep": "best_auroc"}, "best_auroc"),
    ],
)  # fmt: skip
def test_short_runs_keep_their_last_epoch_unless_something_else_was_given(expected, selected):
    """As they did when they were validated at their end alone."""
    assert resolve_finetuning(expected, 126).settings.keep == selected
    assert resolve_finetuning(expected, 1000).settings.keep == expected.get("keep", "lowest")


def test_everything_that_decides_the_result_is_reported_or_a_default():
    resolved = resolve_finetuning({"head": "mlp", "epochs": 3}, 126)
    message = {each.name for each in resolved.choices} | set(resolved.defaults)
    assert message | NOT_SHOWN | {"steps"} == {field.name for field in fields(FinetuneSettings)}
    assert ("head", "mlp", GIVEN) in {
        (each.name, each.value, each.origin) for each in resolved.choices if each.name == "head"
    }


def test_a_frozen_encoder_has_values_of_its_own():
    whole, head = resolve_finetuning({}, 126).settings, resolve_finetuning({"unfreeze": 0}, 126).settings
    assert (head.augmentation, head.lr) == ("none", 1e-2)
    assert whole.lr < head.lr


def test_presets_name_settings_that_there_are():
    known = {field.name for field in fields(FinetuneSettings)}
    assert {each.name for each in resolve_finetuning({}, 100).choices} <= known
