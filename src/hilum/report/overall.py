"""Which rows of a table stand for all findings."""

from typing import Any

import polars as pl

from hilum.evaluate.measures import MACRO

Row = dict[str, Any]


def overall_rows(table: pl.DataFrame) -> list[Row]:
    """The rows of the first metric that stand for all findings: macro, or the only finding there is."""
    if table.is_empty():
        return []
    table = table.filter(pl.col("metric") == table["metric"][0])
    findings = table["finding"].unique(maintain_order=True).to_list()
    overall = MACRO if MACRO in findings else findings[0] if len(findings) == 1 else None
    return table.filter(pl.col("finding") == overall).to_dicts()
