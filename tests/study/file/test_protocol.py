import pytest

from hilum.errors import HilumErrors
from hilum.study.file import as_yaml, parse_study

PUBLISHED = """\
published:
  task.split: {patients: [0.6, 0.2, 0.2], seed: 3}
  evaluate.n_bootstrap: 500
"""


def test_the_papers_rules_take_the_place_of_hilums_where_they_are_asked_for(small_text):
    text = small_text + PUBLISHED
    assert parse_study(text, where="s").task.split == parse_study(small_text, where="s").task.split
    for asked in (
        parse_study(text, where="s", overrides=["protocol=published"]),
        parse_study(f"{text}protocol: published\n", where="s"),
    ):
        assert asked.task.split.seed == 3
        assert asked.evaluate.n_bootstrap == 500
        assert asked.evaluate.reference == "scratch"
        assert parse_study(as_yaml(asked), where="s") == asked


def test_what_is_set_by_hand_wins_over_the_papers_rules(small_text):
    text = f"{small_text}{PUBLISHED}protocol: published\n"
    assert parse_study(text, where="s", overrides=["evaluate.n_bootstrap=700"]).evaluate.n_bootstrap == 700
    back = parse_study(text, where="s", overrides=["protocol=hilum"])
    assert back.evaluate.n_bootstrap == 100


def test_a_wrong_key_of_the_paper_is_reported_as_any_other(small_text):
    text = f"{small_text}published: {{evaluate.n_bootstraps: 500}}\n"
    with pytest.raises(HilumErrors, match="n_bootstraps"):
        parse_study(text, where="s", overrides=["protocol=published"])
