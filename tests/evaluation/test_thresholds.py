import numpy as np
import polars as pl
import pytest
from hypothesis import given, strategies as st

from hilum.errors import HilumError
from hilum.evaluation import as_predictions, choose_threshold, choose_thresholds
from hilum.evaluation.metrics import confusion_at, f1, sensitivity, specificity

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=40).filter(
    lambda rows: 0 < sum(positive for positive, _ in rows) < len(rows)
)


def both(rows):
    return np.array(rows, dtype=float).T


@given(ROWS)
def test_youden_is_the_best_of_all_cuts_by_brute_force(rows):
    labels, scores = both(rows)
    best = {
        cut: float(sensitivity(calls) + specificity(calls))
        for cut in sorted(set(scores), reverse=True)
        for calls in [confusion_at(labels, scores, cut)]
    }
    chosen = choose_threshold(labels, scores, "youden")
    assert best[chosen] == pytest.approx(max(best.values()), abs=1e-12)
    assert chosen == max(cut for cut, value in best.items() if value > max(best.values()) - 1e-12)


@given(ROWS)
def test_f1_is_the_best_of_all_cuts_by_brute_force(rows):
    labels, scores = both(rows)
    best = max(float(f1(confusion_at(labels, scores, cut))) for cut in set(scores))
    chosen = choose_threshold(labels, scores, "f1")
    assert float(f1(confusion_at(labels, scores, chosen))) == pytest.approx(best, abs=1e-12)


@given(ROWS, st.sampled_from([0.1, 0.5, 0.9, 1.0]))
def test_a_fixed_sensitivity_is_reached_at_the_highest_cut_that_reaches_it(rows, target):
    labels, scores = both(rows)
    reaching = [cut for cut in set(scores) if sensitivity(confusion_at(labels, scores, cut)) >= target - 1e-9]
    assert choose_threshold(labels, scores, f"sensitivity={target}") == max(reaching)


@given(ROWS, st.sampled_from([0.1, 0.5, 0.9, 1.0]))
def test_a_fixed_specificity_is_reached_at_the_lowest_cut_that_reaches_it(rows, target):
    labels, scores = both(rows)
    reaching = [cut for cut in set(scores) if specificity(confusion_at(labels, scores, cut)) >= target - 1e-9]
    assert choose_threshold(labels, scores, f"specificity={target}") == min(reaching, default=np.inf)


def test_a_share_of_ten_positives_is_not_lost_to_rounding():
    labels, scores = np.array([1] * 10 + [0]), np.arange(11, 0, -1) / 11
    assert choose_threshold(labels, scores, "sensitivity=0.7") == scores[6]


def test_without_positives_there_is_no_threshold_and_a_number_is_itself():
    assert np.isnan(choose_threshold([0, 0], [0.1, 0.2], "youden"))
    assert choose_threshold([0, 0], [0.1, 0.2], "0.3") == 0.3


@pytest.mark.parametrize("rule", ["best", "sensitivity", "sensitivity=2", "youden=0.3", "1.2", "specificity=high"])
def test_rules_that_do_not_exist_are_refused(rule):
    with pytest.raises(HilumError, match="threshold: expected youden, f1"):
        choose_threshold([0, 1], [0.1, 0.2], rule)


def test_thresholds_say_where_they_were_chosen(make_table):
    table = make_table().with_columns(pl.lit("val").alias("split"))
    validation = as_predictions(table, name="val.csv")
    chosen = choose_thresholds(validation, "f1")
    assert (chosen.rule, chosen.chosen_on, chosen.optimistic) == ("f1", "val", False)
    assert chosen.of(["Pneumonia"]) == [choose_threshold(table["y_Pneumonia"], table["p_Pneumonia"], "f1")]
    assert choose_thresholds(validation, "youden", evaluated=validation).optimistic
    assert not choose_thresholds(validation, "0.5", evaluated=validation).optimistic


def test_thresholds_from_training_images_are_refused(make_table):
    train = as_predictions(make_table().with_columns(pl.lit("train").alias("split")), name="t.csv", split="train")
    with pytest.raises(HilumError, match=r"t\.csv: expected predictions of validation images"):
        choose_thresholds(train, "youden")
