"""Columns of the result tables: one type for each name."""

import polars as pl

_TEXT = (
    "finding nlp_label image_id patient_id note task arm metric reference family codes method conclusion"
    " trained_on tested_on class attribute group"
)
_COUNTS = (
    "n patients adjudicated_positives nlp_positives discordant discordant_positives discordant_negatives rank"
    " positives flagged_positives flagged_negatives tasks seeds seeds_to_show arms images n_findings_ranked wins"
    " ties losses positive_patients negative_patients"
)


def schema(columns: str, **others: type[pl.DataType]) -> dict[str, type[pl.DataType]]:
    """Return the schema of a result table; columns that are neither text nor counts are numbers (Float64).

    Args:
        columns: Names in the order of the table, separated by blanks.
        others: Columns of another type than in the other tables.
    """
    types: dict[str, type[pl.DataType]] = dict.fromkeys(_TEXT.split(), pl.String)
    types |= dict.fromkeys(_COUNTS.split(), pl.Int64)
    return {name: (types | others).get(name, pl.Float64) for name in columns.split()}
