import numpy as np
import pytest

from hilum.data.doctor.patients import patient_issues, shared_patients


def checks(found):
    return {issue.check: issue for issue in found}


def test_a_patient_on_both_sides_of_a_split_is_an_error(images, data_set):
    manifest = images(list("ppqqr"), split=["train", "test", "train", "train", None])
    issue = checks(patient_issues(data_set(manifest)))["patients in several parts"]
    assert (issue.severity, issue.image_ids) == ("error", ["a0", "a1"])
    assert issue.message == "In the split, 1 of 2 patients has images in several parts, such as p in test and train."


def test_every_published_list_is_looked_at(images, data_set):
    manifest = images(list("ppq"), split=["train"] * 3, split_chexnet=["train", "val", "test"])
    issue = checks(patient_issues(data_set(manifest)))["patients in several parts"]
    assert issue.message.startswith("In the list 'chexnet', 1 of 2 patients")


def test_a_patient_of_two_sexes_is_a_warning(images, data_set):
    manifest = images(list("ppqqrr"), sex=["F", "M", "F", "F", None, "M"])
    issue = checks(patient_issues(data_set(manifest)))["patients of two sexes"]
    assert (issue.severity, issue.image_ids) == ("warning", ["a0", "a1"])


def test_ages_far_apart_are_a_warning(images, data_set):
    manifest = images(list("ppqq"), age=[20, 60, 20, 40])
    issue = checks(patient_issues(data_set(manifest)))["patients of impossible ages"]
    assert (issue.severity, issue.image_ids) == ("warning", ["a0", "a1"])


@pytest.fixture
def ageing(images):
    """80 patients with images at the ages 40, 41 and 42, in the order of their ids."""
    patients = [f"p{number // 3:02d}" for number in range(240)]
    manifest = images(patients, age=[40 + number % 3 for number in range(240)])
    ids = [f"{patient}-{number % 3}" for number, patient in enumerate(patients)]
    return manifest.with_columns(image_id=np.array(ids))


def test_a_patient_who_grows_younger_along_the_ids_is_noted(ageing, data_set):
    ages = ageing["age"].to_list()
    ages[3:6] = [41, 38, 42]
    issue = checks(patient_issues(data_set(ageing.with_columns(age=np.array(ages)))))["decreasing ages"]
    assert (issue.severity, issue.image_ids) == ("note", ["p01-1"])


def test_ages_say_nothing_where_ids_are_in_no_order_of_time(ageing, data_set):
    mixed = np.random.default_rng(0).permutation(ageing["age"].to_numpy())
    assert "decreasing ages" not in checks(patient_issues(data_set(ageing.with_columns(age=mixed))))


def test_a_study_of_two_patients_is_an_error(images, data_set):
    manifest = images(list("pqr"), study_id=["s", "s", "t"])
    issue = checks(patient_issues(data_set(manifest)))["studies of several patients"]
    assert (issue.severity, issue.image_ids) == ("error", ["a0", "a1"])


def test_an_image_a_patient_throughout_is_noted(images, data_set):
    issue = checks(patient_issues(data_set(images([f"p{number}" for number in range(50)]))))["one image per patient"]
    assert issue.severity == "note"


def test_a_test_part_of_few_patients_is_noted(images, data_set):
    manifest = images([f"p{number % 5}" for number in range(40)], split=["test"] * 40)
    assert checks(patient_issues(data_set(manifest)))["few patients"].message == (
        "The 40 images of test are of 5 patients only."
    )


def test_sound_patients_are_met_with_silence(ageing, data_set):
    assert list(patient_issues(data_set(ageing))) == []


def test_patients_of_one_issuer_are_found_in_two_data_sets(images, data_set):
    one = data_set(images(["1", "1", "2"]), "one", "chestxray14")
    other = data_set(images(["2", "3"]), "other", "chestxray14")
    (issue,) = shared_patients([one, other])
    assert (issue.severity, issue.data_set) == ("warning", "one and other")
    assert issue.message == "1 patient with images in both data sets (chestxray14:2)."
    assert issue.image_ids == ["a2", "a0"]


def test_equal_numbers_of_different_issuers_are_different_patients(images, data_set):
    one, other = data_set(images(["1"]), "one", "chestxray14"), data_set(images(["1"]), "other", "padchest")
    assert list(shared_patients([one, other])) == []
