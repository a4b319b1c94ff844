"""Which rows of a table stand for all findings."""

from typing import Any

import polars as pl

from hilum.evaluate.measures import overall_finding

Row = dict[str, Any]


def overall_rows(table: pl.DataFrame) -> list[Row]:
    """The rows of the first metric that stand for all findings: macro, or the only finding there is."""
    if table.is_empty():
        return []
    table = table.filter(pl.col("metric") == table["metric"][0])
    return table.filter(pl.col("finding") == overall_finding(table["finding"].to_list())).to_dicts()
