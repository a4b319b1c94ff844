from itertools import pairwise

import numpy as np
import pytest

from hilum.findings import CHESTXRAY14
from hilum.phantom.population import population_images

# shares among the 112,120 images of ChestX-ray14 (Data_Entry_2017_v2020.csv), rounded
NIH_SHARE = {
    "Atelectasis": 0.103,
    "Cardiomegaly": 0.025,
    "Pleural Effusion": 0.119,
    "Infiltration": 0.177,
    "Mass": 0.052,
    "Nodule": 0.056,
    "Pneumonia": 0.013,
    "Pneumothorax": 0.047,
    "Consolidation": 0.042,
    "Edema": 0.021,
    "Emphysema": 0.022,
    "Fibrosis": 0.015,
    "Pleural Thickening": 0.030,
    "Hernia": 0.002,
}


@pytest.fixture(scope="module")
def population():
    return population_images(0, 6000)


def share(population, finding: str) -> float:
    return float(np.mean([finding in image.severities for image in population]))


@pytest.mark.parametrize("finding", CHESTXRAY14)
def test_findings_are_as_frequent_as_in_chestxray14_and_rare_ones_a_little_more(population, finding):
    rate = NIH_SHARE[finding]
    assert 0.75 * rate < share(population, finding) < max(1.35 * rate, rate + 0.025)


def test_about_half_of_the_images_show_nothing_and_two_fifths_are_ap(population):
    assert np.mean([not image.severities for image in population]) == pytest.approx(0.5, abs=0.04)
    assert np.mean([image.view == "AP" for image in population]) == pytest.approx(0.4, abs=0.04)
    assert np.mean([image.sex == "F" for image in population]) == pytest.approx(0.435, abs=0.05)


def test_edema_and_consolidation_are_more_frequent_on_ap_images(population):
    for finding in ("Edema", "Consolidation", "Pleural Effusion"):
        ap = share([image for image in population if image.view == "AP"], finding)
        pa = share([image for image in population if image.view == "PA"], finding)
        assert ap > 1.2 * pa


def test_findings_go_together_as_in_the_table(population):
    def lift(first: str, second: str) -> float:
        both = np.mean([first in image.severities and second in image.severities for image in population])
        return float(both / share(population, first) / share(population, second))

    assert lift("Pneumonia", "Edema") > 2
    assert lift("Mass", "Nodule") > 1.8
    assert lift("Pneumothorax", "Emphysema") > 2
    assert lift("Fibrosis", "Edema") < 1


def test_findings_last_in_a_patient(population):
    pairs = [(a, b) for a, b in pairwise(population) if a.patient == b.patient]
    now = [b for a, b in pairs if "Mass" in a.severities]
    assert share(now, "Mass") > 5 * share(population, "Mass")
    for a, b in pairs:
        for finding in set(a.severities) & set(b.severities):
            assert a.episodes[finding] == b.episodes[finding]


def test_follow_ups_are_numbered_and_patients_keep_sex_and_grow_older(population):
    for a, b in pairwise(population):
        if a.patient == b.patient:
            assert b.follow_up == a.follow_up + 1
            assert b.sex == a.sex
            assert b.age >= a.age
        else:
            assert b.patient == a.patient + 1
            assert b.follow_up == 0


def test_a_larger_collection_begins_with_the_smaller_one():
    assert population_images(3, 200)[:50] == population_images(3, 50)


def test_another_seed_has_other_patients():
    assert [image.age for image in population_images(0, 50)] != [image.age for image in population_images(1, 50)]


def test_severities_run_from_hardly_visible_to_obvious(population):
    severities = np.array([value for image in population for value in image.severities.values()])
    assert severities.min() >= 0
    assert severities.max() <= 1
    assert np.mean(severities < 0.2) > 0.1
    assert np.mean(severities > 0.8) > 0.05
