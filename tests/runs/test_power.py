"""Power analysis from Python: tables, and the numbers of the command."""

import json

import polars as pl
import pytest
from typer.testing import CliRunner

import hilum
from hilum.cli import make_app
from hilum.errors import HilumError


def test_the_result_prints_and_is_what_the_command_prints_as_json():
    result = hilum.power(200, 1800, 900, seeds=5, seed_sd=0.01, difference=0.04)
    words = "power --positives 200 --negatives 1800 --patients 900 --seeds 5 --seed-sd 0.01 --difference 0.04 --json"
    assert json.loads(CliRunner().invoke(make_app(), words.split()).stdout) == result.about
    assert list(result.tables) == ["smallest_differences", "needed"]
    assert "design effect" in repr(result)
    assert result.directory is None


def test_differences_are_smaller_for_similar_arms_and_good_arms():
    table = hilum.power(200, 1800).smallest_differences
    for row in table.drop("auroc").iter_rows():
        assert list(row) == sorted(row, reverse=True)
    for column in table.columns[1:]:
        assert table[column].is_sorted(descending=True)


def test_a_test_set_that_detects_nothing_has_null():
    result = hilum.power(3, 4, auroc=0.9)
    assert result.smallest_difference is None
    assert result.smallest_differences.filter(pl.col("auroc") == 0.9)["correlation 0.5"].item() is None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"difference": 0.3}, "--difference: expected above 0, below 0.2; found 0.3"),
        ({"seed_sd": 0.02}, "two seeds or more where runs differ"),
        ({"power_level": 0.9}, "It has positives, negatives, patients"),
    ],
)
def test_wrong_arguments_are_refused(arguments, expected):
    with pytest.raises(HilumError) as refused:
        hilum.power(200, 1800, **arguments)
    assert expected in str(refused.value)
