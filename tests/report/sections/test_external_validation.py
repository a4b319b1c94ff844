import polars as pl

from hilum.report.sections import external_tables


def test_the_matrix_has_a_row_a_model_and_a_column_a_test_set(full):
    matrix, _ = external_tables(full)
    assert [row[0].text for row in matrix.rows] == ["ours", "theirs"]
    assert [column.title for column in matrix.columns] == ["Trained on", "Tested on ours", "Tested on theirs"]
    assert matrix.rows[0][1].text.endswith("internal")
    assert matrix.rows[1][1].text == "–"  # never tested there


def test_what_is_lost_away_from_home_has_an_interval(full):
    _, cells = external_tables(full)
    row = full.external.filter((pl.col("tested_on") == "theirs") & (pl.col("trained_on") == "ours")).row(0, named=True)
    shown = next(line for line in cells.rows if line[0].text == "Macro")
    assert shown[4].order == row["generalisation_gap"]
    assert shown[4].mark == ("warning" if row["p"] < 0.05 and row["generalisation_gap"] > 0 else "")


def test_without_external_validation_there_is_nothing(study):
    assert external_tables(study) == []
