"""Label policy: targets from the label codes of a manifest, its readers and its grades."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, TypeVar, get_args

from hilum.errors import HilumError
from hilum.findings import canonical

Uncertain: TypeAlias = Literal["zero", "one", "ignore", "own_class", "drop"]
NotMentioned: TypeAlias = Literal["zero", "ignore"]
Consensus: TypeAlias = Literal["any", "majority", "all"]
Rule = TypeVar("Rule", Uncertain, NotMentioned)

OTHERWISE = "otherwise"
"""Key of the rule for all findings that are not named."""


@dataclass(frozen=True)
class LabelPolicy:
    """Meaning of the codes of a manifest, of its readers and of its grades.

    A rule is one word for all findings, or one for each: `{"Edema": "one", "otherwise": "zero"}`.

    Attributes:
        uncertain: Target for -1. "zero", "one" and "ignore" (masked) are U-Zeros, U-Ones and U-Ignore of CheXpert
            (Irvin et al., AAAI 2019, §3.1); "own_class" is its U-MultiClass, a third class (see `targets`); "drop"
            excludes the image, also if the rule names a finding that is not in the task.
        not_mentioned: Target for a blank: "zero" or "ignore".
        consensus: For images with several readers, how many must report a finding: "any", a "majority" (more than
            half) or "all" of them. None: the manifest's own column, uncertain where readers disagree.
        severity_threshold: For graded findings, the lowest grade that counts as positive, for all or by finding
            (others keep the collection's rule). None: the collection's own rule for all.
        other: Findings that the task's finding "Other" combines.

    Raises:
        HilumError: An unknown word or finding.
    """

    uncertain: Uncertain | Mapping[str, Uncertain] = "zero"
    not_mentioned: NotMentioned | Mapping[str, NotMentioned] = "zero"
    consensus: Consensus | None = None
    severity_threshold: int | Mapping[str, int] | None = None
    other: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "uncertain", _checked("uncertain", self.uncertain, get_args(Uncertain)))
        object.__setattr__(self, "not_mentioned", _checked("not_mentioned", self.not_mentioned, get_args(NotMentioned)))
        if self.consensus is not None:
            _check_word("consensus", self.consensus, get_args(Consensus))
        if isinstance(self.severity_threshold, Mapping):
            grades = {canonical(name, where="severity_threshold"): g for name, g in self.severity_threshold.items()}
            object.__setattr__(self, "severity_threshold", grades)
        object.__setattr__(self, "other", tuple(canonical(name, where="other") for name in self.other))

    def uncertain_of(self, finding: str) -> Uncertain:
        """Return the rule for uncertain labels of a finding."""
        return _rule_of("uncertain", self.uncertain, finding)

    def not_mentioned_of(self, finding: str) -> NotMentioned:
        """Return the rule for labels of a finding that is not mentioned."""
        return _rule_of("not_mentioned", self.not_mentioned, finding)

    def dropping(self, findings: list[str]) -> list[str]:
        """Return the findings whose uncertain labels exclude an image from a task with `findings`."""
        named = self.uncertain if isinstance(self.uncertain, Mapping) else {}
        asked_for = [finding for finding in findings if self.uncertain_of(finding) == "drop"]
        beyond = [name for name, rule in named.items() if rule == "drop" and name != OTHERWISE]
        return list(dict.fromkeys([*asked_for, *beyond]))

    def for_scoring(self) -> "LabelPolicy":
        """Return the policy for evaluation: a third class cannot be right or wrong, so it is masked."""
        if isinstance(self.uncertain, Mapping):
            return replace(self, uncertain={name: _masked(rule) for name, rule in self.uncertain.items()})
        return replace(self, uncertain=_masked(self.uncertain))


def _masked(rule: Uncertain) -> Uncertain:
    return "ignore" if rule == "own_class" else rule


def _rule_of(field: str, rules: Rule | Mapping[str, Rule], finding: str) -> Rule:
    if not isinstance(rules, Mapping):
        return rules
    rule = rules.get(finding, rules.get(OTHERWISE))
    if rule is None:
        raise HilumError(
            field,
            expected="a rule for every finding of the task",
            found=f"none for {finding}",
            fix=f"Name it, or add `{OTHERWISE}: zero`.",
        )
    return rule


def _checked(field: str, rules: Rule | Mapping[str, Rule], words: tuple[str, ...]) -> Rule | dict[str, Rule]:
    if not isinstance(rules, Mapping):
        _check_word(field, rules, words)
        return rules
    for rule in rules.values():
        _check_word(field, rule, words)
    return {name if name == OTHERWISE else canonical(name, where=field): rule for name, rule in rules.items()}


def _check_word(field: str, word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise HilumError(field, expected=f"one of {', '.join(words)}", found=repr(word), fix=f"Use {words[0]}.")
