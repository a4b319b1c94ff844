"""Labels needed to match: against lines drawn by hand."""

import numpy as np
import pytest

from hilum.evaluation.estimation import Resampled
from hilum.evaluation.tables.label_efficiency import LabelCurve, labels_needed, labels_to_match


def point(value: float, resampled: list[float] | None = None) -> Resampled:
    return Resampled(np.float64(value), np.array([value] * 4 if resampled is None else resampled))


def test_between_two_fractions_labels_are_interpolated_over_their_logarithm():
    curve = np.array([[0.6], [0.7], [0.9]])
    needed = labels_needed([10, 100, 1000], curve, np.array([0.8]))
    assert needed[0] == pytest.approx(10**2.5)  # half way from 100 to 1000


def test_the_first_crossing_counts_and_ends_are_distinguished():
    falling = np.array([[0.6], [0.8], [0.7], [0.9]])
    assert labels_needed([10, 100, 1000, 10000], falling, np.array([0.75]))[0] == pytest.approx(10**1.75)
    assert labels_needed([10, 100], np.array([[0.8], [0.9]]), np.array([0.7]))[0] == 10
    assert labels_needed([10, 100], np.array([[0.6], [0.7]]), np.array([0.9]))[0] == np.inf
    assert np.isnan(labels_needed([10, 100], np.array([[np.nan], [0.7]]), np.array([0.6]))[0])


def test_targets_are_resampled_with_the_curve():
    few, many = LabelCurve([10, 1000], [point(0.6), point(0.9)]), LabelCurve([10, 1000], [point(0.5), point(0.75)])
    rows = {(row["arm"], row["reference"]): row for row in labels_to_match({"few": few, "many": many}).to_dicts()}
    assert rows["few", "many"]["images"] == pytest.approx(100)
    assert rows["few", "many"]["reached_in"] == 1
    other = rows["many", "few"]
    assert (other["images"], other["ci_high"], other["codes"], other["reached_in"]) == (
        None,
        None,
        "target_not_reached",
        0,
    )


def test_a_target_met_with_the_fewest_labels_is_an_upper_bound():
    good = LabelCurve([10, 100], [point(0.9), point(0.95)])
    bad = LabelCurve([10, 100], [point(0.5), point(0.6)])
    row = labels_to_match({"good": good, "bad": bad}).row(0, named=True)
    assert (row["images"], row["codes"]) == (10, "fewest_labels_suffice")
