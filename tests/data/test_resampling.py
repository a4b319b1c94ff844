"""Rules of resampling by name and by their numbers."""

import pytest

from hilum.data.resampling import RESAMPLINGS, Resampling, resampling_of
from hilum.errors import HilumError


def test_a_name_and_its_numbers_are_one_rule():
    assert resampling_of("elwirehardja2025") == resampling_of({"above": 2, "below": 0.1, "keep": 0.4, "copies": 5})
    assert resampling_of({"copies": 2}) == Resampling(copies=2)
    assert resampling_of(None) is None


@pytest.mark.parametrize(
    ("given", "found", "fix"),
    [
        ("elwirehardja", "'elwirehardja'", "Write elwirehardja2025, or"),
        ({"belw": 0.1}, "'belw'", "Do you mean below?"),
        ({"above": "many"}, "above: 'many'", "Write elwirehardja2025, or"),
        ({"copies": True}, "copies: True", "Write elwirehardja2025, or"),
        ({"above": 1, "below": 2}, "below 2", "Change one of them."),
    ],
)
def test_wrong_rules_are_refused_with_a_fix(given, found, fix):
    with pytest.raises(HilumError) as refused:
        resampling_of(given)
    assert found in refused.value.found
    assert refused.value.fix.startswith(fix)


def test_every_name_is_one_that_study_files_accept():
    from hilum.study.file.finetuning import Finetuning

    for name, rule in RESAMPLINGS.items():
        assert Finetuning.model_validate({"resample": name}).as_settings() == {"resample": rule}
