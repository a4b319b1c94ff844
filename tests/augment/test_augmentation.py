import pytest

from hilum.augment import AUGMENTATIONS, Augmentation
from hilum.errors import HilumErrors


def test_the_default_augmentation_draws_nothing():
    assert AUGMENTATIONS["none"] == Augmentation()


def test_the_fine_tuning_augmentation_is_the_published_one():
    """Kivotova 2021, §4.3.1: -15 to 15 degrees, 5 % of either side, 0.95 to 1.05, mirrored with a 50 % chance."""
    augmentation = AUGMENTATIONS["finetune"]
    assert (augmentation.rotate, augmentation.shift, augmentation.scale, augmentation.flip) == (
        15,
        0.05,
        (0.95, 1.05),
        0.5,
    )
    assert augmentation == Augmentation(rotate=15, shift=0.05, scale=(0.95, 1.05), flip=0.5)


def test_all_wrong_values_are_named_at_once():
    with pytest.raises(HilumErrors) as caught:
        Augmentation(crop_area=(0.9, 0.5), rotate=-5, flip=1.5)
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["crop_area", "rotate", "flip"]
    assert "found 1.5" in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_refused(value):
    with pytest.raises(HilumErrors, match="brightness"):
        Augmentation(brightness=value)


@pytest.mark.parametrize("wrong", [{"crop_area": 0.5}, {"flip": (0.1, 0.5)}, {"rotate": True}, {"gamma": (1.0,)}])
def test_a_value_of_another_kind_is_refused(wrong):
    with pytest.raises(HilumErrors, match=next(iter(wrong))):
        Augmentation(**wrong)


def test_ranges_are_what_differs_from_the_identity():
    assert Augmentation().ranges() == {}
    assert Augmentation(flip=0.5, crop_area=(0.2, 1)).ranges() == {"flip": 0.5, "crop_area": (0.2, 1)}
