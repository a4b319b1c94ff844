from dataclasses import replace

import polars as pl
import pytest

from hilum.evaluation.metrics import METRICS
from hilum.report.sections import joint_table_of, margins_table_of, ranks_table_of, standings_table
from hilum.report.verdict import VerdictCode
from hilum.report.verdict.decide import decide


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


@pytest.fixture
def together(full):
    rows = [("macro", 6.1, 2, 11.4, 0.016, 0.016), ("Mass", 9.0, 2, None, 0.011, 0.022)]
    joint = [
        {"finding": finding, "metric": "auroc", "arms": 3, "statistic": statistic, "df": df, "df_error": error, "p": p,
         "p_adjusted": adjusted}
        for finding, statistic, df, error, p, adjusted in rows
    ]  # fmt: skip
    return replace(full, joint=pl.DataFrame(joint))


def test_all_arms_together_are_tested_with_f_or_chi_squared(together):
    table = joint_table_of(together)
    assert [row[1].text for row in table.rows] == ["F(2, 11.4) = 3.05", "χ²(2) = 9.00"]
    assert [row[3].text for row in table.rows] == ["0.016", "0.022"]
    assert "Joint test of differences in AUROC between the 3 arms" in table.caption
    assert joint_table_of(replace(together, joint=None)) is None


@pytest.mark.parametrize(("p", "message"), [(0.016, "differ"), (0.3, "do not differ significantly")])
def test_the_verdict_says_whether_any_arm_differs_from_any_other(together, p, message):
    content = replace(together, joint=together.joint.with_columns(p_adjusted=pl.lit(p)))
    expected = decide(content)
    (record,) = [record for record in expected.records if record.code is VerdictCode.JOINT]
    assert f"In a joint test the 3 arms {message} (F(2, 11.4) = 3.05" in record.sentence
    assert record.sentence in expected.sentences
    assert record.values["df"] == 2
