from hypothesis import given, strategies as st

from hilum.finetuning.monitoring import StartCode
from hilum.finetuning.monitoring.start_differences import start_differences

PLAIN = [{"square": "pad"}, {"resize": 64}]


def test_another_resolution_is_one_difference_and_not_another_preprocessing():
    (found,) = start_differences(64, PLAIN, finetuned_size=96, finetuned_steps=[{"square": "pad"}, {"resize": 96}])
    assert (found.code, found.pretrained, found.finetuned) == (StartCode.RESOLUTION, 64, 96)


def test_other_steps_are_reported_and_unknown_ones_are_not():
    (found,) = start_differences(64, PLAIN, finetuned_size=64, finetuned_steps=[*PLAIN, "clahe"])
    assert found.code == StartCode.PREPROCESSING
    assert start_differences(64, [], finetuned_size=64, finetuned_steps=PLAIN) == []


@given(st.integers(16, 1024), st.permutations(["clahe", "min_max", {"resize": 64}, {"square": "crop"}]))
def test_what_is_alike_does_not_differ(size, steps):
    assert start_differences(size, steps, finetuned_size=size, finetuned_steps=steps) == []
