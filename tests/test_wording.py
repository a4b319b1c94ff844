"""Counts agree with their nouns and verbs."""

import pytest

from hilum.wording import counted


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((0,), "0 images"),
        ((1,), "1 image"),
        ((2048,), "2,048 images"),
        ((1, "study", "studies"), "1 study"),
        ((3, "study", "studies"), "3 studies"),
        ((1, "row is", "rows are"), "1 row is"),
        ((2, "row is", "rows are"), "2 rows are"),
    ],
)
def test_a_count_agrees_with_its_noun(arguments, text):
    assert counted(*arguments) == text
