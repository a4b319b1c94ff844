import pytest

from hilum.augment import POLICIES, ViewPolicy
from hilum.errors import HilumErrors


def test_the_default_policy_draws_nothing():
    assert POLICIES["none"] == ViewPolicy()


def test_the_fine_tuning_policy_is_the_published_one():
    """Kivotova 2021, §4.3.1: -15 to 15 degrees, 5 % of either side, 0.95 to 1.05, mirrored with a 50 % chance."""
    policy = POLICIES["finetune"]
    assert (policy.rotate, policy.shift, policy.scale, policy.flip) == (15, 0.05, (0.95, 1.05), 0.5)
    assert policy == ViewPolicy(rotate=15, shift=0.05, scale=(0.95, 1.05), flip=0.5)


def test_all_wrong_values_are_named_at_once():
    with pytest.raises(HilumErrors) as caught:
        ViewPolicy(crop_area=(0.9, 0.5), rotate=-5, flip=1.5)
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["crop_area", "rotate", "flip"]
    assert "found 1.5" in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_refused(value):
    with pytest.raises(HilumErrors, match="brightness"):
        ViewPolicy(brightness=value)


@pytest.mark.parametrize("wrong", [{"crop_area": 0.5}, {"flip": (0.1, 0.5)}, {"rotate": True}, {"gamma": (1.0,)}])
def test_a_value_of_another_kind_is_refused(wrong):
    with pytest.raises(HilumErrors, match=next(iter(wrong))):
        ViewPolicy(**wrong)


def test_ranges_are_what_differs_from_the_identity():
    assert ViewPolicy().ranges() == {}
    assert ViewPolicy(flip=0.5, crop_area=(0.2, 1)).ranges() == {"flip": 0.5, "crop_area": (0.2, 1)}
