import numpy as np
import pytest

from hilum.evaluation import decision_curve


def test_net_benefit_worked_by_hand():
    labels, scores = [1, 1, 0, 0, np.nan], [0.9, 0.3, 0.5, 0.1, 0.9]
    row = decision_curve(labels, scores, [0.25]).row(0, named=True)
    assert row["model"] == pytest.approx((2 - (1 / 3) * 1) / 4)
    assert row["treat_all"] == pytest.approx(0.5 - (1 / 3) * 0.5)
    assert row["treat_none"] == 0


def test_a_perfect_model_gains_the_prevalence_at_every_threshold():
    curve = decision_curve([1, 0, 0, 0], [1, 0, 0, 0])
    assert curve["model"].to_list() == [0.25] * 99


def test_calling_everybody_is_the_line_of_everybody():
    curve = decision_curve([1, 0, 0], [1.0, 1.0, 1.0])
    assert curve["model"].to_list() == pytest.approx(curve["treat_all"].to_list())
