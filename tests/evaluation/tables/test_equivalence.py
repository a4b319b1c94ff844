import numpy as np
import pytest

from hilum.errors import HilumError
from hilum.evaluation import equivalence_table, measure_arms
from hilum.evaluation.inference import percentile_interval


@pytest.fixture
def measured(make_predictions):
    arms = {
        name: [make_predictions(patients=300, signal=signal, scores_seed=seed)]
        for name, signal, seed in (("scratch", 1.0, 0), ("twin", 1.0, 0), ("better", 3.0, 1))
    }
    return measure_arms(arms, metrics=["auroc", "brier"], n_bootstrap=400)


def test_twins_are_equivalent_and_a_better_arm_is_superior(measured):
    conclusion = equivalence_table(measured, 0.02, reference="scratch").select("arm", "finding", "conclusion").rows()
    assert {(arm, finding): expected for arm, finding, expected in conclusion if finding == "macro"} == {
        ("twin", "macro"): "equivalent",
        ("better", "macro"): "superior",
    }


def test_where_less_is_better_a_lower_score_is_superior(measured):
    rows = equivalence_table(measured, 0.001, reference="scratch", metric="brier").to_dicts()
    better = next(row for row in rows if row["arm"] == "better" and row["finding"] == "macro")
    assert better["difference"] < 0
    assert better["conclusion"] == "superior"


def test_p_values_agree_with_the_intervals_and_count_resamples(measured):
    own, other = (measured.arms[arm].auroc.resampled for arm in ("better", "scratch"))
    difference = (own - other)[measured.arms["better"].row("macro")]
    low, _ = percentile_interval(difference)
    assert low > 0
    for margin in (0.001, 0.3):
        row = equivalence_table(measured, margin, reference="scratch").row(1, named=True)
        assert (row["arm"], row["finding"]) == ("better", "macro")
        assert row["p_noninferiority"] == (np.sum(difference <= -margin) + 1) / 401 == 1 / 401
        slow = max(np.sum(difference <= -margin) + 1, np.sum(difference >= margin) + 1) / 401
        assert row["p_tost"] == pytest.approx(slow)


@pytest.mark.parametrize(
    ("margin", "metric", "expected"), [(0, "auroc", "above 0"), (0.1, "f1", "metric: expected auroc")]
)
def test_margins_and_metrics_that_cannot_be_are_refused(measured, margin, metric, expected):
    with pytest.raises(HilumError, match=expected):
        equivalence_table(measured, margin, metric=metric)
