"""Which way a comparison fell, if it is shown that it fell any way.

Which rows of a table stand for all findings.
"""

from typing import Any, Literal

import polars as pl

from hilum.evaluation.metrics import lower_is_better, overall_finding
from hilum.report.content import SIGNIFICANT
from hilum.report.render import formats

Row = dict[str, Any]


def overall_rows(table: pl.DataFrame) -> list[Row]:
    """The rows of the first metric that stand for all findings: macro, or the only finding there is."""
    if table.is_empty():
        return []
    table = table.filter(pl.col("metric") == table["metric"][0])
    return table.filter(pl.col("finding") == overall_finding(table["finding"].to_list())).to_dicts()


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
    return "better" if higher != lower_is_better(str(row.get("metric"))) else "worse"
