from dataclasses import replace

import polars as pl

from hilum.evaluation.metrics import METRICS
from hilum.report.sections import margins_table_of, ranks_table_of, standings_table


def test_wins_ties_and_losses_add_up_to_the_findings_tested(full):
    table = standings_table(full)
    assert len(table.rows) == len(METRICS)
    tested = full.comparisons.filter(
        (pl.col("metric") == "auroc") & (pl.col("arm") == "simclr") & pl.col("p_adjusted").is_not_null()
        & ~pl.col("finding").is_in(["macro", "weighted", "micro"])
    )  # fmt: skip
    won = tested.filter((pl.col("p_adjusted") < 0.05) & (pl.col("difference") > 0)).height
    text = table.rows[0][1].text
    assert text.startswith(f"{won} / ")
    assert sum(map(int, text.split(" / "))) == tested.height


def test_ranks_are_shown_from_the_best(full):
    table = ranks_table_of(full)
    assert [row[0].text for row in table.rows] == full.ranks["arm"].to_list()
    assert table.rows[0][1].order <= table.rows[1][1].order


def test_the_margin_is_named_and_what_it_lets_one_say(full):
    table = margins_table_of(full)
    assert "margin of 0.02 AUROC" in table.caption
    assert [row[-1].text for row in table.rows if row[0].text == "Macro"] == [
        row["conclusion"] for row in full.margins.to_dicts() if row["finding"] == "macro"
    ]


def test_what_was_not_computed_is_not_shown(study):
    assert ranks_table_of(study) is margins_table_of(study) is None
    assert standings_table(replace(study, comparisons=study.comparisons.clear())) is None
