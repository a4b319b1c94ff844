import pytest

from hilum.errors import HilumErrors
from hilum.pretext.settings import PretextSettings


def test_all_wrong_values_are_named_at_once():
    with pytest.raises(HilumErrors) as caught:
        PretextSettings(batch_size=1, lr=0.0, policy="simcrl", local_policy="locl", local_size=8)
    names = [problem.split(":")[0] for problem in caught.value.problems]
    assert names == ["batch_size", "lr", "policy", "local_policy", "local_size"]


def test_what_changes_no_result_is_not_part_of_what_decides():
    assert PretextSettings(workers=0, device="cpu").decisive() == PretextSettings(workers=3).decisive()
    assert PretextSettings(options={"queue": 7}).decisive() != PretextSettings().decisive()
