import pytest

from hilum.data.labels import LabelPolicy
from hilum.errors import HilumError


def test_one_word_holds_for_every_finding():
    label_policy = LabelPolicy(uncertain="one", not_mentioned="ignore")
    assert label_policy.uncertain_of("Edema") == label_policy.uncertain_of("Mass") == "one"
    assert label_policy.not_mentioned_of("Edema") == "ignore"


def test_words_by_finding_hold_for_those_named_and_otherwise_for_the_others():
    label_policy = LabelPolicy(uncertain={"oedema": "one", "otherwise": "ignore"}, not_mentioned={"Mass": "ignore"})
    assert label_policy.uncertain_of("Edema") == "one"
    assert label_policy.uncertain_of("Mass") == "ignore"
    assert label_policy.not_mentioned_of("Mass") == "ignore"
    with pytest.raises(HilumError, match=r"not_mentioned: expected a rule for every finding.*found none for Edema"):
        label_policy.not_mentioned_of("Edema")


def test_images_are_dropped_for_findings_asked_for_and_for_those_named():
    assert LabelPolicy(uncertain="drop").dropping(["Mass", "Edema"]) == ["Mass", "Edema"]
    assert LabelPolicy(uncertain="zero").dropping(["Mass"]) == []
    by_finding = LabelPolicy(uncertain={"Edema": "drop", "Mass": "one", "otherwise": "zero"})
    assert by_finding.dropping(["Mass", "Hernia"]) == ["Edema"]
    others = LabelPolicy(uncertain={"Mass": "one", "otherwise": "drop"})
    assert others.dropping(["Mass", "Hernia"]) == ["Hernia"]


def test_a_third_class_is_masked_where_images_are_scored():
    assert LabelPolicy(uncertain="own_class").for_scoring().uncertain == "ignore"
    mixed = LabelPolicy(uncertain={"Mass": "own_class", "otherwise": "one"}, not_mentioned="ignore")
    assert mixed.for_scoring() == LabelPolicy(uncertain={"Mass": "ignore", "otherwise": "one"}, not_mentioned="ignore")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"uncertain": "maybe"}, "uncertain: expected one of zero, one, ignore, own_class, drop; found 'maybe'"),
        ({"uncertain": {"Mass": "maybe"}}, "found 'maybe'"),
        ({"uncertain": {"Mast": "one"}}, "Did you mean 'Mass'"),
        ({"not_mentioned": "one"}, "not_mentioned: expected one of zero, ignore"),
        ({"consensus": "two"}, "consensus: expected one of any, majority, all"),
        ({"severity_threshold": {"Edemo": 2}}, "severity_threshold.*Did you mean 'Edema'"),
        ({"other": ("Edemo",)}, "other: .*Did you mean 'Edema'"),
    ],
)
def test_unknown_words_and_findings_are_refused(words, message):
    with pytest.raises(HilumError, match=message):
        LabelPolicy(**words)
