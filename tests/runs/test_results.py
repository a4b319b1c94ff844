"""Printed results of runs."""

import polars as pl

import hilum
from hilum.runs.results import Result


def rare(n: int = 60) -> pl.DataFrame:
    """Predictions of a frequent finding and of one with a single positive image."""
    return pl.DataFrame(
        {
            "image_id": [f"{row:03d}" for row in range(n)],
            "y_Mass": [row % 2 for row in range(n)],
            "p_Mass": [0.2 + 0.6 * (row % 2) for row in range(n)],
            "y_Hernia": [int(row == 0) for row in range(n)],
            "p_Hernia": [0.5 - 0.001 * row for row in range(n)],
        }
    )


def test_the_reason_of_a_missing_estimate_is_printed_below_the_table():
    result = hilum.evaluate(rare(), held_out=True, n_bootstrap=40, metrics=["auroc"])
    notes = dict(result.metrics.select("finding", "note").iter_rows())
    assert notes["Hernia"]
    for printed in (repr(result), result._repr_html_()):
        assert f"Hernia: {notes['Hernia']}" in printed
        assert "mean over findings: " in printed
    assert "┆ note" not in repr(result)


def test_the_reason_is_printed_of_differences_as_well():
    table = rare()
    other = table.with_columns(p_Mass=0.5)
    result = hilum.compare(table, other, held_out=True, n_bootstrap=40, metrics=["auroc"])
    rows = result.comparisons.filter(pl.col("finding") == "Hernia")
    assert rows["note"][0]
    assert f"Hernia: {rows['note'][0]}" in repr(result)
    assert result.summary[0] == "table 1 minus table 2"


def test_a_table_without_findings_is_printed_without_reasons():
    purity = pl.DataFrame({"class": ["Edema"], "estimate": [0.5], "note": ["few images"]})

    class Embedded(Result):
        @property
        def tables(self):
            return {"purity": purity}

        @property
        def summary(self):
            return ["3 images"]

    assert "Edema" in repr(Embedded(None, {}))
