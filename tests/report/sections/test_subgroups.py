from dataclasses import replace

import polars as pl

from hilum.report.sections import subgroup_tables


def test_there_is_a_table_for_every_attribute_and_metric(full):
    names = {table.name for table in subgroup_tables(full)}
    assert names == {
        f"subgroups_{attribute}_{metric}" for attribute in ("sex", "age") for metric in ("auroc", "underdiagnosis")
    }


def test_groups_too_small_are_left_out_and_named(full):
    table = next(table for table in subgroup_tables(full) if table.name == "subgroups_age_auroc")
    hidden = full.subgroups.filter(
        (pl.col("attribute") == "age") & (pl.col("metric") == "auroc") & pl.col("estimate").is_null()
    )
    assert len(hidden)
    expected = next(note for note in table.notes if note.startswith("Too few patients"))
    for group, finding in hidden.select("group", "finding").iter_rows():
        assert group in expected
        assert finding in expected
    assert not any((row[0].text, row[1].text) in hidden.select("group", "finding").rows() for row in table.rows)


def test_a_gap_is_marked_only_where_it_is_shown(full):
    sure = full.subgroups.with_columns(p_adjusted=pl.lit(0.01))
    unsure = full.subgroups.with_columns(p_adjusted=pl.lit(0.2))
    marks = [
        {row[4].mark for table in subgroup_tables(replace(full, subgroups=subgroups)) for row in table.rows}
        for subgroups in (sure, unsure)
    ]
    assert "warning" in marks[0]
    assert "warning" not in marks[1]


def test_no_groups_no_tables(study):
    assert subgroup_tables(study) == []


def test_where_almost_no_group_is_large_enough_a_sentence_says_it(full):
    few = full.subgroups.with_columns(
        estimate=pl.when((pl.col("group") == "F") & (pl.col("arm") == "simclr")).then(pl.col("estimate"))
    )
    made = [block for block in subgroup_tables(replace(full, subgroups=few)) if block.kind == "prose"]
    assert len(made) == 4
    message = [block.paragraphs[0] for block in made]
    assert any(text.startswith("AUROC by sex: ") and "have enough patients (F: " in text for text in message)
    assert any("by age: none of" in text and text.endswith("enough patients.") for text in message)
