import pytest

from hilum.errors import HilumError, HilumErrors


def test_a_message_names_the_place_what_was_expected_what_was_found_and_the_fix():
    error = HilumError("a.csv", expected="a column patient_id", found="none", fix="Add it.")
    assert str(error) == "a.csv: expected a column patient_id; found none. Add it."


def test_several_problems_are_reported_together_in_their_order():
    error = HilumErrors("study.yaml", ["line 1 is wrong", "line 9 is wrong"], fix="nothing was run")
    assert str(error).splitlines() == [
        "study.yaml: 2 problems, nothing was run",
        "  line 1 is wrong",
        "  line 9 is wrong",
    ]
    assert str(HilumErrors("study.yaml", ["line 1 is wrong"], fix="fix it")).startswith("study.yaml: 1 problem, fix it")


def test_several_problems_are_caught_as_one():
    with pytest.raises(HilumError):
        raise HilumErrors("study.yaml", ["line 1"], fix="fix it")
