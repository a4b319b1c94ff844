"""Rows of tables: direction of a comparison, and the rows averaged over findings."""

from typing import Any, Literal

import polars as pl

from hilum.evaluation.metrics import lower_is_better, overall_finding
from hilum.report.content import SIGNIFICANT
from hilum.report.render import formats

Row = dict[str, Any]


def overall_rows(table: pl.DataFrame) -> list[Row]:
    """Return the rows of the first metric averaged over findings: macro, or the only finding."""
    if table.is_empty():
        return []
    table = table.filter(pl.col("metric") == table["metric"][0])
    return table.filter(pl.col("finding") == overall_finding(table["finding"].to_list())).to_dicts()


Direction = Literal["better", "worse", "open", "unknown"]


def direction(row: Row) -> Direction:
    """Classify a comparison by adjusted p < 0.05 and the sign of the difference: `arm` is better, worse, or open.

    For metrics where lower is better (Brier score, calibration error) a negative difference is better.
    """
    if not formats.known(row["p_adjusted"]) or not formats.known(row["difference"]):
        return "unknown"
    if row["p_adjusted"] >= SIGNIFICANT:
        return "open"
    higher = row["difference"] > 0
    return "better" if higher != lower_is_better(str(row.get("metric"))) else "worse"
