import math

import pytest

from hilum.pretext.methods import METHODS, method_of
from hilum.pretext.settings import (
    IMAGES,
    PretextSettings,
    RunSettings,
    SettingOverrides,
    nearest_preset,
    parse_overrides,
    preset,
    resolve_settings,
)


def resolved(method, images, *message, from_weights=False):
    return resolve_settings(method, parse_overrides(method, message), images, from_weights=from_weights)


def message(resolved):
    return {each.name: each for each in resolved.choices}


@pytest.mark.parametrize("images", IMAGES.values())
@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_valid_settings_at_every_size_each_with_a_reason(method, images):
    all_of_them = resolved(method, images)
    assert isinstance(all_of_them.settings, PretextSettings)
    for each in all_of_them.choices:
        assert each.reason
    names = [each.name for each in all_of_them.choices]
    assert len(set(names)) == len(names)
    assert set(method_of(method).settings.model_fields) < set(names)
    assert {each.origin for each in all_of_them.choices} == {"", f"preset {all_of_them.preset}"}


@pytest.mark.parametrize("method", METHODS)
def test_the_table_has_settings_that_there_are_and_no_method_needs_all_of_them(method):
    known = set(RunSettings.model_fields) | set(method_of(method).settings.model_fields)
    for name in IMAGES:
        assert set(preset(method, name)) <= known
    assert set(preset("a method of somebody else", "1k")) <= set(RunSettings.model_fields)


@pytest.mark.parametrize("method", METHODS)
def test_what_a_thousand_images_get_is_what_was_measured(method):
    """50 epochs, batch 128, AdamW at 1e-3, three epochs of warm-up; SimCLR at τ 0.2. docs/explanation/results.md"""
    settings = resolved(method, 1097).settings
    assert (settings.epochs, settings.batch_size, settings.optimizer, settings.lr) == (50, 128, "adamw", 1e-3)
    assert (settings.weight_decay, settings.warmup_epochs) == (1e-4, 3)
    assert settings == PretextSettings().resolved(method, 1097, from_weights=False)


@pytest.mark.parametrize(
    ("images", "name"),
    [(1, "1k"), (3162, "1k"), (3163, "10k"), (31_622, "10k"), (112_120, "100k"), (400_000, "1M"), (10**8, "1M")],
)
def test_the_nearest_size_on_the_logarithmic_scale_is_taken(images, name):
    assert nearest_preset(images) == name


def test_what_a_user_says_wins_and_null_says_not_at_all():
    some = resolved("dino", 10_000, "epochs=7", "clip_grad_norm=null", "local_crops=2", "preset=100k")
    assert (some.settings.epochs, some.settings.clip_grad_norm, some.settings.options["local_crops"]) == (7, None, 2)
    assert some.settings.weight_decay_end == 0.4
    rows = message(some)
    assert {name for name, each in rows.items() if each.origin == "given"} == {
        "epochs",
        "clip_grad_norm",
        "local_crops",
    }
    assert rows["prototypes"].origin == "preset 100k"
    assert some.why == "preset 100k, as given, for 10,000 images"
    assert resolved("dino", 10_000).settings.clip_grad_norm == 3.0


def test_the_preset_says_which_and_why():
    assert resolved("simclr", 8000).why == (
        "preset 10k: of 1k, 10k, 100k, 1M, the nearest to 8,000 images on the logarithmic scale"
    )


def test_a_learning_rate_that_was_not_given_goes_with_the_root_of_the_batch():
    rate = message(resolved("simclr", 1000, "batch_size=32"))["lr"]
    assert rate.value == pytest.approx(1e-3 * math.sqrt(32 / 128))
    assert "square-root scaling" in rate.reason
    assert resolved("simclr", 1000, "batch_size=32", "lr=0.01").settings.lr == 0.01


def test_a_batch_that_was_not_given_is_halved_until_four_fit_the_images():
    few = resolved("simclr", 150)
    assert few.settings.batch_size == 32
    assert "halved from 128" in message(few)["batch_size"].reason
    assert few.settings.lr == pytest.approx(5e-4)
    assert resolved("simclr", 150, "batch_size=128").settings.batch_size == 128
    assert resolved("simclr", 3).settings.batch_size == 2


def test_a_warm_up_is_a_quarter_of_a_short_run_and_says_so():
    short = resolved("simclr", 1000, "epochs=4")
    assert short.settings.warmup_epochs == 1
    assert message(short)["warmup_epochs"].reason == "limited to a quarter of the run (preset: 3)"


def test_rules_of_a_method_are_reported_as_the_numbers_they_come_to():
    rows = message(resolved("mocov2", 5000))
    assert rows["queue"].value == 2500
    rows = message(resolved("dino", 601))
    assert rows["prototypes"].value == 256
    assert rows["momentum"].value == pytest.approx(1 - 1 / (50 * (601 // 128) / 20))
    assert "local_augmentation" in rows
    assert "local_augmentation" not in message(resolved("simclr", 601))


def test_heads_warm_up_only_in_front_of_weights():
    assert resolved("simclr", 1000).settings.freeze_encoder_steps == 0
    assert resolved("simclr", 1000, from_weights=True).settings.freeze_encoder_steps == 35  # a tenth of 50 epochs of 7
    assert resolved("simclr", 10_000, from_weights=True).settings.freeze_encoder_steps == 100
    assert resolved("simclr", 100_000, from_weights=True).settings.freeze_encoder_steps == 390  # an epoch
    assert resolved("simclr", 1000, "freeze_encoder_steps=0", from_weights=True).settings.freeze_encoder_steps == 0


@pytest.mark.parametrize("method", METHODS)
def test_settings_that_are_filled_are_not_changed_by_filling_them_again(method):
    settings = resolve_settings(method, SettingOverrides(), 20_000, from_weights=True).settings
    assert settings.resolved(method, 19_000, from_weights=True) == settings
