import pytest

from hilum.errors import HilumErrors
from hilum.pretext.settings import METHODS, PretextSettings
from hilum.views import POLICIES


def test_every_method_has_views_of_its_own_unless_others_are_named():
    for method in METHODS:
        assert PretextSettings().view_policy(method) == POLICIES[method]
        assert PretextSettings(policy="finetune").view_policy(method) == POLICIES["finetune"]


@pytest.mark.parametrize(("films", "length"), [(1097, 548), (100, 128), (1_000_000, 65_536)])
def test_the_queue_holds_half_of_the_films_at_least_a_batch_and_at_most_as_the_paper(films, length):
    assert PretextSettings(batch_size=128).queue_length(films) == length


def test_a_queue_that_is_given_is_taken():
    assert PretextSettings(queue=77).queue_length(1000) == 77


def test_all_wrong_values_are_named_at_once():
    with pytest.raises(HilumErrors) as caught:
        PretextSettings(batch_size=1, momentum=1.0, policy="simcrl")
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["batch_size", "momentum", "policy"]
