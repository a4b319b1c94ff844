"""How a threshold is chosen, in a word: `youden`, `f1`, `sensitivity=S`, `specificity=S`, or a number from 0 to 1.

Kept apart from `hilum.evaluation`, so that reading a study file needs none of its libraries.
"""

from hilum.errors import HilumError

_EXPECTED = "youden, f1, sensitivity=S, specificity=S, or a number from 0 to 1"


def check_rule(rule: str) -> None:
    """Refuse a rule that `hilum.evaluation.choose_threshold` does not know.

    Raises:
        HilumError: an unknown rule, or a share outside 0 to 1.
    """
    parse_rule(rule)


def parse_rule(rule: str) -> tuple[str, float]:
    """Kind of rule ("youden", "f1", "sensitivity", "specificity" or "fixed") and its number; NaN where it has none.

    Raises:
        HilumError: an unknown rule, or a share outside 0 to 1.
    """
    name, _, given = rule.partition("=")
    if name in ("youden", "f1") and not given:
        return name, float("nan")
    try:
        value = float(given if name in ("sensitivity", "specificity") else rule)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise HilumError("threshold", expected=_EXPECTED, found=rule, fix="Choose one of these.")
    return (name if given else "fixed"), value


SENSITIVITY_AT_SPECIFICITY = "sensitivity_at_specificity_"
"""What names of the metric begin with; the specificity follows, as in sensitivity_at_specificity_0.9."""


def specificity_of(metric: str) -> float | None:
    """The specificity in a name of the metric; None of other metrics, and of a number that is not within 0 and 1."""
    if not metric.startswith(SENSITIVITY_AT_SPECIFICITY):
        return None
    try:
        specificity = float(metric.removeprefix(SENSITIVITY_AT_SPECIFICITY))
    except ValueError:
        return None
    return specificity if 0 < specificity < 1 else None
