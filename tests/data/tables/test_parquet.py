"""Result tables of earlier versions are read with the columns of today."""

import polars as pl

from hilum.data.tables import read_result_table
from hilum.data.tables.parquet import RENAMED_COLUMNS, RENAMED_RULES
from hilum.explanation.selection import RULES


def test_columns_of_earlier_versions_have_their_names_of_today(tmp_path):
    path = tmp_path / "comparisons.parquet"
    pl.DataFrame({"arm": ["a"], "against": ["b"], "low": [0.1], "high": [0.2], "detectable": [0.05]}).write_parquet(
        path
    )
    table = read_result_table(path)
    assert table.columns == ["arm", "reference", "ci_low", "ci_high", "minimum_detectable_difference"]
    assert table["ci_low"].to_list() == [0.1]


def test_a_table_of_today_is_read_as_it_is(tmp_path):
    path = tmp_path / "metrics.parquet"
    table = pl.DataFrame({"arm": ["a"], "estimate": [0.9], "ci_low": [0.8], "ci_high": [0.95]})
    table.write_parquet(path)
    assert read_result_table(path).equals(table)


def test_no_name_of_today_is_one_of_before():
    assert not set(RENAMED_COLUMNS) & set(RENAMED_COLUMNS.values())
    assert {"low", "high", "detectable", "best_in", "drop", "says"} <= set(RENAMED_COLUMNS)


def test_selection_rules_of_earlier_versions_have_their_names_of_today(tmp_path):
    path = tmp_path / "shown.parquet"
    pl.DataFrame({"rule": ["found", "missed", "false alarm", "by lot", "most confident"]}).write_parquet(path)
    now = ["true positive", "hardest positive", "hardest negative", "random", "most confident"]
    assert read_result_table(path)["rule"].to_list() == now
    assert set(RENAMED_RULES.values()) <= set(RULES)


def test_a_table_that_has_both_names_keeps_both(tmp_path):
    path = tmp_path / "metrics.parquet"
    pl.DataFrame({"low": [0.1], "ci_low": [0.2]}).write_parquet(path)
    assert read_result_table(path).to_dicts() == [{"low": 0.1, "ci_low": 0.2}]
