"""Which way a comparison fell, if it is shown that it fell any way."""

from typing import Literal

from hilum.evaluate.measures import LOWER_IS_BETTER
from hilum.report import formats
from hilum.report.content import SIGNIFICANT
from hilum.report.overall import Row

Direction = Literal["better", "worse", "open", "unknown"]


def direction(row: Row) -> Direction:
    """What one comparison shows of its `arm`, by adjusted p < 0.05 and the sign of the difference.

    Where lower is better (Brier score, calibration error) a negative difference is the better one.
    """
    if not formats.known(row["p_adjusted"]) or not formats.known(row["difference"]):
        return "unknown"
    if row["p_adjusted"] >= SIGNIFICANT:
        return "open"
    higher = row["difference"] > 0
    return "better" if higher != (row.get("metric") in LOWER_IS_BETTER) else "worse"
