import pytest

from hilum.finetuning.shortcut_names import CALIBRATED, METADATA, RANDOM, THUMBNAIL, parse_untrained, untrained_name


@pytest.mark.parametrize("kind", [RANDOM, CALIBRATED])
def test_names_of_untrained_encoders_are_read_back(kind):
    assert parse_untrained(untrained_name(kind, "resnet18")) == (kind, "resnet18")


@pytest.mark.parametrize("name", [METADATA, THUMBNAIL, "random", "random "])
def test_other_baselines_are_no_encoders(name):
    assert parse_untrained(name) is None
