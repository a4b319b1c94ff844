"""Formats of numbers and names: three decimals, a true minus sign, estimates with their intervals."""

import math
import re
from collections.abc import Sequence

from hilum.evaluation.metrics import AVERAGES, metric_title, specificity_of

METRIC_NAMES = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "partial_auroc": "partial AUROC",
    "balanced_accuracy": "balanced accuracy",
    "ppv": "PPV",
    "npv": "NPV",
    "f1": "F1",
    "mcc": "MCC",
    "brier": "Brier score",
    "ece": "ECE",
}
"""Names of metrics for readers, where they differ from the keys."""


def metric_name(metric: str) -> str:
    """Return the metric's name for readers, for example AUROC for "auroc"."""
    specificity = specificity_of(metric)
    if specificity is not None:
        return f"sensitivity at a specificity of {specificity:g}"
    return METRIC_NAMES.get(metric) or metric_title(metric) or metric


def capital(text: str) -> str:
    """Capitalise the first letter of a text."""
    return text[:1].upper() + text[1:]


def known(value: float | None) -> bool:
    """Return whether a value is a number: neither None nor NaN."""
    return value is not None and not math.isnan(value)


def decimal(value: float | None, *, signed: bool = False) -> str:
    """Format three decimals: "0.812", "−0.011" with a true minus, "+0.034" if signed, "–" for no number."""
    if value is None or math.isnan(value):
        return "–"
    text = f"{abs(value):.3f}"
    if float(text) == 0:
        return text
    return f"−{text}" if value < 0 else f"+{text}" if signed else text


def estimate(value: float | None, low: float | None, high: float | None) -> str:
    """Format an estimate with its 95 % interval, "0.812 (0.774–0.846)", or "not estimable", "(no interval)"."""
    if not known(value):
        return "not estimable"
    if not (known(low) and known(high)):
        return f"{decimal(value)} (no interval)"
    if low is not None and low < 0:  # a dash and a minus would be confused
        return difference(value, low, high)
    return f"{decimal(value)} ({decimal(low)}–{decimal(high)})"


def difference(value: float | None, low: float | None, high: float | None, *, signed: bool = False) -> str:
    """Format a difference with its 95 % interval, "0.006 (−0.011 to 0.022)", or "not estimable", "(no interval)"."""
    if not known(value):
        return "not estimable"
    if not (known(low) and known(high)):
        return f"{decimal(value, signed=signed)} (no interval)"
    return f"{decimal(value, signed=signed)} ({decimal(low, signed=signed)} to {decimal(high, signed=signed)})"


_LEAST_P = 0.001
"""Smaller p-values are written as "< 0.001"."""


def p_value(p: float | None) -> str:
    """Format a p-value as in "0.004", "0.41", "< 0.001"; never 0."""
    if p is None or math.isnan(p):
        return "–"
    return f"< {_LEAST_P}" if p < _LEAST_P else f"{p:.3f}" if p < 0.095 else f"{p:.2f}"


def p_equation(p: float | None) -> str:
    """Format a p-value as in "p = 0.004", "p < 0.001"."""
    return f"p {p_value(p)}" if p is not None and p < _LEAST_P else f"p = {p_value(p)}"


def p_statement(p: float | None) -> str:
    """Format an adjusted p-value as in "adjusted p = 0.004", "adjusted p < 0.001"."""
    return f"adjusted {p_equation(p)}"


def count(value: float | None) -> str:
    """Format a count as in "25,596"."""
    return f"{int(value):,}" if value is not None and not math.isnan(value) else "–"


def parameters(value: int | None) -> str:
    """Format a number of parameters as in "11.2 M", "14.3 k", "513"."""
    if value is None:
        return "–"
    return f"{value / 1e6:.1f} M" if value >= 1e6 else f"{value / 1e3:.1f} k" if value >= 1e3 else str(value)


def duration(seconds: float | None) -> str:
    """Format a duration in seconds as in "48 s", "7 min", "2 h 05 min"."""
    if seconds is None or math.isnan(seconds):
        return "–"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def listing(items: Sequence[str]) -> str:
    """Join items as in "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


MOST_NAMED = 6
"""Most names listed in a sentence; more are counted."""


def describe_arms(names: Sequence[str], arms: int) -> str:
    """Join the names of arms, or count them if there are many: "All 31 arms", "9 of 31 arms".

    Args:
        names: Names of the arms.
        arms: Number of all arms.
    """
    if len(names) <= MOST_NAMED:
        return listing(names)
    return f"All {arms} arms" if len(names) == arms else f"{len(names)} of {arms} arms"


def file_stem(*parts: str) -> str:
    """Return a portable file name: "roc", "Pleural Effusion" becomes roc_pleural_effusion."""
    return "_".join(re.sub(r"[^a-z0-9]+", "_", part.lower()).strip("_") or "x" for part in parts)


def unbroken(text: str) -> str:
    """Insert no-break spaces between numbers and their signs."""
    return text.replace(" %", "\u00a0%").replace("p = ", "p\u00a0=\u00a0").replace("p < ", "p\u00a0<\u00a0")


def finding_name(finding: str) -> str:
    """Return the finding's name in tables and figures: averages are capitalised."""
    return capital(finding) if finding in AVERAGES else finding


def place_of(finding: str) -> int:
    """Return the sort key of a finding; averages come first."""
    return AVERAGES.index(finding) if finding in AVERAGES else len(AVERAGES)
