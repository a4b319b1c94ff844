import numpy as np
import pytest

from hilum.errors import HilumError
from hilum.explanation.localisation import box_coverage, box_scores

QUARTER = np.array([[0.0, 0.0, 0.5, 0.5]])


def test_a_map_that_is_the_box_scores_full_marks():
    scores = box_scores(box_coverage(QUARTER, 8, 8), QUARTER)
    assert (scores.pointing, scores.energy, scores.area, scores.overlap) == (1.0, 1.0, 0.25, 1.0)


def test_a_map_elsewhere_scores_nothing():
    scores = box_scores(box_coverage(np.array([[0.5, 0.5, 0.5, 0.5]]), 8, 8), QUARTER)
    assert (scores.pointing, scores.energy, scores.overlap) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("level", [0.0, 3.0])
def test_a_map_that_knows_nothing_scores_the_area_of_the_box(level):
    scores = box_scores(np.full((8, 8), level), QUARTER)
    assert scores.pointing == pytest.approx(0.25)
    assert scores.energy == pytest.approx(0.25)
    # A quarter of every pixel against a quarter of the image: 16 of 64 pixels x 1/4, over 16 + 48 x 1/4.
    assert scores.overlap == pytest.approx(4 / 28)


def test_the_grid_of_the_map_hardly_matters():
    rng = np.random.default_rng(0)
    coarse = rng.random((6, 6))
    fine = np.kron(coarse, np.ones((10, 10)))
    boxes = np.array([[0.13, 0.22, 0.41, 0.37]])
    few, many = box_scores(coarse, boxes), box_scores(fine, boxes)
    assert few.area == pytest.approx(many.area)
    assert few.energy == pytest.approx(many.energy)
    # A coarse pixel that the box cuts is a hit by the share of it that is inside.
    assert few.pointing == pytest.approx(many.pointing)


def test_energy_is_the_sum_inside_over_the_sum():
    heat = np.zeros((4, 4))
    heat[0, 0], heat[3, 3] = 3.0, 1.0
    assert box_scores(heat, QUARTER).energy == 0.75


def test_overlapping_boxes_count_once():
    twice = box_coverage(np.array([[0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.5, 0.5]]), 4, 4)
    assert np.array_equal(twice, box_coverage(QUARTER, 4, 4))


def test_what_hangs_over_the_edge_is_cut():
    assert box_coverage(np.array([[0.75, 0.75, 0.5, 0.5]]), 4, 4).sum() == 1.0


@pytest.mark.parametrize(
    ("heat", "boxes", "message"),
    [
        (-np.ones((2, 2)), QUARTER, "all at least 0; found -1 to -1"),
        (np.full((2, 2), np.nan), QUARTER, "all at least 0"),
        (np.ones(4), QUARTER, r"found shape \(4,\)"),
        (np.ones((2, 2)), np.zeros((0, 4)), "K at least 1"),
        (np.ones((2, 2)), np.array([[512.0, 100.0, 50.0, 50.0]]), "as fractions of it; found x 512"),
    ],
)
def test_other_inputs_are_refused(heat, boxes, message):
    with pytest.raises(HilumError, match=message):
        box_scores(heat, boxes)
