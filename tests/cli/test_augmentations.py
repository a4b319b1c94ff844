import json

import pytest
import typer
from typer.testing import CliRunner

from hilum.augment import AUGMENTATIONS
from hilum.augment.library import parse_augmentation
from hilum.cli.augmentations import augmentations
from hilum.errors import HilumError


@pytest.fixture
def command():
    app = typer.Typer()
    app.command()(augmentations)

    def run(*arguments):
        return CliRunner().invoke(app, list(arguments), catch_exceptions=False).stdout

    return run


def test_all_augmentations_are_listed_with_what_they_do_and_where_they_are_from(command):
    message = command()
    assert all(name in message for name in AUGMENTATIONS)
    assert "Kivotova" in message


def test_one_augmentation_is_shown_with_its_ranges_and_what_was_left_out(command):
    message = command("caron2021_dino_second")
    assert "solarisation 20 %" in message
    assert "solarize_probability  0.2" in message
    assert "0.4 to 1" in message
    assert "Saturation, hue and conversion to grayscale." in message


def test_the_json_holds_the_ranges_as_they_may_be_written(command):
    message = json.loads(command("--json"))
    assert list(message) == list(AUGMENTATIONS)
    for name, entry in message.items():
        assert parse_augmentation(entry["ranges"]) == AUGMENTATIONS[name]
    assert json.loads(command("simclr_lungs", "--json")) == message["simclr_lungs"]


def test_an_unknown_augmentation_is_named_with_its_neighbour(command):
    with pytest.raises(HilumError, match="Do you mean simclr"):
        command("simcrl")
