import pytest

from hilum.augment import AUGMENTATIONS
from hilum.errors import HilumErrors
from hilum.pretext.methods import METHOD_SETTINGS, METHODS, method_settings


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_method_has_views_that_are_known_and_settings_that_are_described(method):
    assert method.augmentation in AUGMENTATIONS
    assert method.local_augmentation is None or method.local_augmentation in AUGMENTATIONS
    assert all(field.description for field in method.settings.model_fields.values())
    assert method.forward_passes(method.settings(), 0.25) >= 3  # at least one view is trained on


def test_the_settings_that_study_files_are_checked_by_are_those_of_the_methods():
    assert {name: method.settings for name, method in METHODS.items()} == METHOD_SETTINGS


def test_all_wrong_settings_are_named_with_what_the_method_has():
    with pytest.raises(HilumErrors) as caught:
        method_settings("mocov2", {"momentum": 1.0, "queues": 5})
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["momentum", "queues"]
    assert "known settings: temperature, momentum, head_batch_norm, queue" in str(caught.value)


@pytest.mark.parametrize(("images", "length"), [(1097, 548), (100, 128), (1_000_000, 65_536)])
def test_mocos_queue_holds_half_of_the_images_at_least_a_batch_and_at_most_as_the_paper(images, length):
    assert method_settings("mocov2", {}).queue_length(images, 128) == length
    assert method_settings("mocov2", {"queue": 77}).queue_length(images, 128) == 77


@pytest.mark.parametrize(
    ("images", "batch", "resolved"),
    [(600, 128, (150, 300)), (100, 128, (32, 0)), (100_000, 256, (3000, 3840)), (1000, 1000, (250, 0))],
)
def test_swavs_prototypes_and_queue_follow_the_images(images, batch, resolved):
    assert method_settings("swav", {}).prototypes_and_queue(images, batch) == resolved


@pytest.mark.parametrize(("steps", "momentum"), [(400, 0.95), (5000, 0.996), (125_000, 0.996), (10, 0.5)])
def test_dinos_teacher_looks_back_on_a_twentieth_of_the_run(steps, momentum):
    schedule = method_settings("dino", {"teacher_temperature": 0.07}).schedule(steps)
    assert schedule.momentum(0) == pytest.approx(momentum)
    assert schedule.momentum(steps) == 1.0
    assert schedule.temperature(steps // 10) == 0.07


@pytest.mark.parametrize(("images", "prototypes"), [(100, 256), (5000, 1250), (1_000_000, 65_536)])
def test_dinos_prototypes_follow_the_images(images, prototypes):
    assert method_settings("dino", {}).prototype_count(images) == prototypes
