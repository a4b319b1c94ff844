from dataclasses import replace

import pytest

from hilum.evaluation import Thresholds
from hilum.evaluation.metrics import THRESHOLD_METRICS
from hilum.report.sections import mean_thresholds, threshold_table, where_chosen


def test_every_finding_and_arm_has_its_threshold_and_every_number(full):
    table = threshold_table(full)
    assert len(table.columns) == 3 + len(THRESHOLD_METRICS)
    first = full.thresholds["simclr"]
    row = next(row for row in table.rows if row[0].text == "Atelectasis" and row[1].text == "simclr")
    assert row[2].order == pytest.approx(sum(one.values["Atelectasis"] for one in first) / 2)
    assert [row[0].text for row in table.rows[:9:3]] == ["Macro", "Weighted", "Micro"]
    assert table.rows[0][2].text == "–"
    assert "threshold" in table.data.columns


def test_it_is_reported_how_and_on_which_images_thresholds_were_chosen(full):
    assert where_chosen(full) == [
        "Thresholds: largest sensitivity + specificity (Youden), chosen on val. They are fixed in the bootstrap."
    ]


def test_thresholds_chosen_on_the_judged_images_are_called_optimistic(full):
    on_test = Thresholds("sensitivity=0.9", "test", {"Atelectasis": 0.3}, optimistic=True)
    (expected,) = where_chosen(replace(full, thresholds={"simclr": [on_test]}))
    assert "sensitivity of at least 0.9" in expected
    assert "optimistic" in expected


def test_arms_with_thresholds_of_their_own_kind_are_distinguished(full):
    fixed = Thresholds("0.5", None, {"Atelectasis": 0.5})
    expected = where_chosen(replace(full, thresholds={**full.thresholds, "simclr": [fixed]}))
    assert "Thresholds of simclr: 0.5, prespecified." in expected
    assert len(expected) == 2


def test_a_study_without_thresholds_has_no_such_table(study):
    assert threshold_table(study) is None
    assert mean_thresholds(study, "simclr") == {}
