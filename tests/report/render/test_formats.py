import pytest

from hilum.report.render import formats
from hilum.wording import counted

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.8124, "0.812"), (-0.0106, "−0.011"), (-0.0001, "0.000"), (1.0, "1.000"), (None, "–"), (NAN, "–")],
)
def test_decimals_are_three_with_a_true_minus_and_no_negative_zero(value, text):
    assert formats.decimal(value) == text


def test_estimates_carry_their_interval_or_say_that_there_is_none():
    assert formats.estimate(0.812, 0.774, 0.846) == "0.812 (0.774–0.846)"
    assert formats.estimate(-0.12, -0.3, 0.05) == "−0.120 (−0.300 to 0.050)"
    assert formats.estimate(0.812, NAN, None) == "0.812 (no interval)"
    assert formats.estimate(NAN, 0.1, 0.2) == "not estimable"


def test_differences_use_to_so_that_minus_and_dash_are_not_confused():
    assert formats.difference(0.006, -0.011, 0.022) == "0.006 (−0.011 to 0.022)"
    assert formats.difference(0.006, -0.011, 0.022, signed=True) == "+0.006 (−0.011 to +0.022)"
    assert formats.difference(0.006, None, None) == "0.006 (no interval)"
    assert formats.difference(None, None, None) == "not estimable"


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0, "< 0.001"),
        (0.0009, "< 0.001"),
        (0.004, "0.004"),
        (0.0496, "0.050"),
        (0.41, "0.41"),
        (1.0, "1.00"),
        (None, "–"),
    ],
)
def test_p_values_are_never_zero(p, text):
    assert formats.p_value(p) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(48, "48 s"), (420, "7 min"), (7500, "2 h 05 min"), (36000, "10 h 00 min"), (None, "–")]
)
def test_durations_read_as_people_say_them(seconds, text):
    assert formats.duration(seconds) == text


def test_parameters_counts_and_lists_read_as_text():
    assert [formats.parameters(n) for n in (11_172_810, 14_343, 513, None)] == ["11.2 M", "14.3 k", "513", "–"]
    assert formats.count(25596) == "25,596"
    assert [formats.listing(list(items)) for items in ("", "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]
    assert [counted(n, "seed") for n in (1, 3)] == ["1 seed", "3 seeds"]


def test_file_stems_are_safe_everywhere():
    assert formats.file_stem("roc", "Pleural Effusion") == "roc_pleural_effusion"
    assert formats.file_stem("../x", "é") == "x_x"
