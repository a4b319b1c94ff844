import re
from dataclasses import replace

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from hilum.report.render import Table, formats, latex
from hilum.report.sections import results as tables


def all_tables(study) -> list[Table]:
    return [
        tables.arms_table(study.arms),
        tables.results_table(study, "auroc"),
        tables.comparisons_table(study),
        tables.counts_table(study.data[0]),
        tables.rejected_table(study.data[0]),
        tables.provenance_table(study.provenance),
    ]


def texts(table: Table) -> set[str]:
    return {cell.text for row in table.rows for cell in row}


def test_every_row_is_as_wide_as_its_header(study):
    for table in all_tables(study):
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_every_estimate_is_shown_with_its_interval_and_the_data_are_the_metrics(study):
    table = tables.results_table(study, "auroc")
    for row in study.metrics.to_dicts():
        assert formats.estimate(row["estimate"], row["ci_low"], row["ci_high"]) in texts(table)
    assert_frame_equal(table.data.drop("scored_on"), study.metrics)
    assert set(table.data["scored_on"]) == {study.scored_on}


def test_numbers_on_a_split_name_it(study):
    for table in (tables.results_table(study, "auroc"), tables.comparisons_table(study)):
        assert "patients-70-10-20-s0 (3f9a1c)" in table.caption
    assert "patients-70-10-20-s0 (3f9a1c)" in tables.counts_table(study.data[0]).caption


def test_macro_comes_first(study):
    assert tables.results_table(study, "auroc").rows[0][0].text == "Macro"
    assert [row[0].text for row in tables.comparisons_table(study).rows[:2]] == ["Macro", "Macro"]


def test_marks_follow_the_adjusted_p_and_not_the_highest_number(study):
    table = tables.results_table(study, "auroc")
    column = [column.title for column in table.columns].index("simclr")
    adjusted = {
        row["finding"]: row["p_adjusted"] for row in study.comparisons.filter(pl.col("arm") == "simclr").to_dicts()
    }
    findings = tables.macro_first(study.metrics["finding"].to_list())
    marks = {finding: row[column].mark for finding, row in zip(findings, table.rows, strict=True)}
    assert {finding for finding, mark in marks.items() if mark == "better"} == {
        finding for finding, p in adjusted.items() if p is not None and p < 0.05
    }
    assert any(marks.values())
    hidden = replace(study, comparisons=study.comparisons.with_columns(p_adjusted=pl.lit(0.05)))
    assert all(cell.mark == "" for row in tables.results_table(hidden, "auroc").rows for cell in row)


def test_a_contaminated_arm_is_marked_in_every_table_of_arms(contaminated):
    for table in (
        tables.arms_table(contaminated.arms),
        tables.results_table(contaminated, "auroc"),
        tables.comparisons_table(contaminated),
    ):
        shown = {column.title for column in table.columns} | texts(table)
        assert any("simclr †" in text for text in shown)
        assert not any("mocov2 †" in text for text in shown)
        assert any(note.startswith("† Trained on test patients") for note in table.notes)


def test_findings_without_an_estimate_or_interval_say_so(study):
    hernia = pl.col("finding") == "Infiltration"
    holes = study.metrics.with_columns(
        estimate=pl.when(hernia).then(float("nan")).otherwise("estimate"),
        ci_low=pl.when(pl.col("finding") == "macro").then(None).otherwise("ci_low"),
        note=pl.when(hernia).then(pl.lit("no positives: excluded")).otherwise(pl.lit("")),
    )
    table = tables.results_table(replace(study, metrics=holes), "auroc")
    assert [cell.text for cell in table.rows[-1][1:4]] == ["not estimable"] * 3
    assert all(cell.text.endswith("(no interval)") for cell in table.rows[0][1:4])
    assert "Infiltration: no positives: excluded." in table.notes


def test_counts_hide_columns_that_count_nothing(study):
    titles = [column.title for column in tables.counts_table(study.data[0]).columns]
    assert titles[:4] == ["Finding", "train images", "train patients", "train positives"]
    assert "train uncertain" not in titles
    some = replace(study.data[0], counts=study.data[0].counts.with_columns(uncertain=pl.lit(2)))
    assert "train uncertain" in [column.title for column in tables.counts_table(some).columns]


def test_many_rejected_images_are_counted_and_the_rest_is_in_the_file(study):
    many = pl.DataFrame({"image_id": [f"f{i}" for i in range(50)], "reason": ["empty file"] * 50})
    table = tables.rejected_table(replace(study.data[0], rejected=many))
    assert len(table.rows) == 20
    assert len(table.data) == 50
    assert table.notes == ["30 more in the CSV file."]


def test_latex_is_balanced_and_has_three_rules(study):
    for table in all_tables(study):
        tex = latex.booktabs(table)
        assert [tex.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
        opened = re.findall(r"\\begin\{(\w+)\}", tex)
        assert opened == re.findall(r"\\end\{(\w+)\}", tex)[::-1] == ["table", "tabular"]
        bare = re.sub(r"\\[{}]", "", tex)
        assert bare.count("{") == bare.count("}")
        body = tex.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
        assert len(body) == len(table.rows)
        assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {len(table.columns) - 1}
        assert all(line.endswith(r"\\") for line in body)


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        ("own_moco & 50 %", r"own\_moco \& 50 \%"),
        (r"a\b{c}", r"a\textbackslash{}b\{c\}"),
        ("−0.011 (0.7–0.8)", "$-$0.011 (0.7--0.8)"),
        ("$x^2 # ~", r"\$x\textasciicircum{}2 \# \textasciitilde{}"),
    ],
)
def test_latex_escapes_what_tex_would_read(text, tex):
    assert latex.escape(text) == tex
