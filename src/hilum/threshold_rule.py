"""Threshold rules: `youden`, `f1`, `sensitivity=S`, `specificity=S`, or a number from 0 to 1.

Separate from `hilum.evaluation`, so that a study file is read without its libraries.
"""

from hilum.errors import HilumError

_EXPECTED = "youden, f1, sensitivity=S, specificity=S, or a number from 0 to 1"


def parse_rule(rule: str) -> tuple[str, float]:
    """Return the kind of a rule ("youden", "f1", "sensitivity", "specificity" or "fixed") and its number, or NaN.

    Raises:
        HilumError: An unknown rule, or a number outside 0 to 1.
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
"""Prefix of the metric; the specificity follows, as in sensitivity_at_specificity_0.9."""


def specificity_of(metric: str) -> float | None:
    """Return the specificity in the name of this metric; None for other metrics or a number outside 0 to 1."""
    if not metric.startswith(SENSITIVITY_AT_SPECIFICITY):
        return None
    try:
        specificity = float(metric.removeprefix(SENSITIVITY_AT_SPECIFICITY))
    except ValueError:
        return None
    return specificity if 0 < specificity < 1 else None
