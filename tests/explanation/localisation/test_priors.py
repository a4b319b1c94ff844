import numpy as np
import pytest

from hilum.explanation.localisation import CENTRE_SPREAD, BoxedCase, box_scores, centre_prior, location_priors

LEFT, RIGHT = np.array([[0.0, 0.0, 0.5, 1.0]]), np.array([[0.5, 0.0, 0.5, 1.0]])


def case(patient, finding, boxes):
    return BoxedCase(f"{patient}.png", patient, finding, boxes)


def test_the_centre_prior_is_a_round_gaussian_in_the_middle():
    prior = centre_prior(101)
    assert prior[50, 50] == prior.max() == 1.0
    assert np.array_equal(prior, prior.T)
    assert np.allclose(prior, prior[::-1])
    assert prior[50, 75] == pytest.approx(np.exp(-0.5 * (25 / 101 / CENTRE_SPREAD) ** 2))
    middle = np.array([[0.4, 0.4, 0.2, 0.2]])
    assert box_scores(prior, middle).pointing == 1.0


def test_the_location_prior_knows_the_others_and_not_the_patient():
    cases = [case("a", "Mass", LEFT), case("a", "Mass", LEFT), case("b", "Mass", RIGHT), case("c", "Mass", RIGHT)]
    maps = location_priors(cases, 4)
    assert np.array_equal(maps[0], [[0, 0, 1, 1]] * 4)
    assert np.array_equal(maps[0], maps[1])
    assert np.array_equal(maps[2], [[0.5, 0.5, 0.5, 0.5]] * 4)  # a counts once, for two images


def test_findings_know_nothing_of_each_other_and_a_lone_patient_gets_the_centre():
    maps = location_priors([case("a", "Mass", LEFT), case("b", "Nodule", RIGHT), case("c", "Nodule", RIGHT)], 4)
    assert np.array_equal(maps[0], centre_prior(4))
    assert np.array_equal(maps[1], [[0, 0, 1, 1]] * 4)
    assert min(each.min() for each in maps) >= 0
