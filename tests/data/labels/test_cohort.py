from pathlib import Path

import pytest

from hilum.data.collections import Dataset
from hilum.data.labels import Cohort, Contrast, LabelPolicy, filter_positive, select_cohort, targets, task_images
from hilum.errors import HilumError


@pytest.fixture
def manifest(images):
    return images(["p", "q", "r", "s"], Mass=[1, 0, -1, None], Edema=[0, 1, 1, -1])


def ids(manifest):
    return " ".join(manifest["image_id"])


def test_images_without_any_of_the_findings_are_left_out(manifest):
    assert ids(filter_positive(manifest, ["Mass"])) == "a0"
    assert ids(filter_positive(manifest, ["Mass", "Edema"])) == "a0 a1 a2"
    with pytest.raises(HilumError, match="found none"):
        filter_positive(manifest, [])


def test_uncertain_counts_as_positive_where_the_augmentation_reads_it_as_one(manifest):
    assert ids(filter_positive(manifest, ["Mass"], LabelPolicy(uncertain="one"))) == "a0 a2"
    one = select_cohort(manifest, Cohort(exactly_one_of=("Mass", "Edema")), LabelPolicy(uncertain="one"))
    assert ids(one) == "a0 a1 a3"


def test_an_empty_cohort_is_everybody(manifest):
    assert select_cohort(manifest, Cohort()).equals(manifest)


def test_classes_that_exclude_each_other_keep_images_of_one_label(images):
    manifest = images(["p"] * 5, Mass=[1, 1, 0, None, -1], Edema=[0, 1, 0, 1, 1])
    assert ids(select_cohort(manifest, Cohort(exactly_one_of=("Mass", "Edema")))) == "a0 a3 a4"


def test_frontal_images_are_kept_by_view(images):
    manifest = images(["p"] * 7, view=["PA", "AP", "LATERAL", "AP_HORIZONTAL", "Frontal", None, "LL"])
    assert ids(select_cohort(manifest, Cohort(views="frontal"))) == "a0 a1 a3 a4"
    assert ids(select_cohort(manifest, Cohort(views=("LL", "PA")))) == "a0 a6"
    with pytest.raises(HilumError, match="found OBLIQUE"):
        select_cohort(manifest, Cohort(views=("OBLIQUE",)))
    with pytest.raises(HilumError, match="views: expected a table with the view"):
        select_cohort(images(["p"]), Cohort(views="frontal"))


@pytest.mark.parametrize(
    ("both", "neither", "expected"),
    [
        ("drop", "drop", {"a0": 1, "a1": 0}),
        ("positive", "drop", {"a0": 1, "a1": 0, "a2": 1}),
        ("negative", "drop", {"a0": 1, "a1": 0, "a2": 0}),
        ("drop", "negative", {"a0": 1, "a1": 0, "a3": 0, "a4": 0}),
    ],
)
def test_a_binary_task_says_what_images_of_both_sides_and_of_neither_are(images, both, neither, expected):
    manifest = images(["p"] * 5, **{"Pneumonia": [1, 0, 1, 0, -1], "No Finding": [0, 1, 1, 0, 0]})
    cohort = Cohort(contrast=Contrast("Pneumonia", both=both, neither=neither))
    chosen = select_cohort(manifest, cohort)
    assert dict(zip(chosen["image_id"], chosen["Pneumonia"], strict=True)) == expected


def test_an_uncertain_finding_falls_on_a_side_by_the_augmentation(images):
    manifest = images(["p"] * 2, **{"Pneumonia": [-1, -1], "No Finding": [0, 1]})
    cohort = Cohort(contrast=Contrast("Pneumonia", both="positive"))
    assert select_cohort(manifest, cohort, LabelPolicy(uncertain="one"))["Pneumonia"].to_list() == [1, 1]
    assert select_cohort(manifest, cohort)["Pneumonia"].to_list() == [0]


def test_names_may_be_spelt_as_any_data_set_does():
    assert Cohort(any_of=("Effusion",)).any_of == ("Pleural Effusion",)
    with pytest.raises(HilumError, match="No Finding twice"):
        Contrast("healthy")


@pytest.fixture
def dataset(images):
    rows = {
        "Nodule": [1, 0, 0, 0, 1],
        "Mass": [0, 1, 0, -1, 0],
        "Edema": [0, 0, 0, 0, -1],
        "No Finding": [0, 0, 1, 0, 0],
    }
    manifest = images(["p"] * 5, view=["PA", "LATERAL", "AP", "PA", "PA"], **rows)
    return Dataset(manifest, None, Path(), "folder", [], {})


def test_the_images_of_a_task_are_read_then_chosen_then_freed_of_doubt(dataset):
    label_policy = LabelPolicy(uncertain={"Edema": "drop", "otherwise": "one"})
    cohort = Cohort(views="frontal", any_of=("Nodule/Mass", "No Finding"))
    images = task_images(dataset, ["No Finding"], label_policy, cohort)
    assert ids(images) == "a0 a2 a3"
    assert images["Nodule/Mass"].to_list() == [1, 0, -1]
    selected, _ = targets(images, ["No Finding"], label_policy)
    assert selected == images["image_id"].to_list()


def test_a_task_on_a_finding_that_neither_is_there_nor_follows_is_refused(dataset):
    with pytest.raises(HilumError, match="found Hernia"):
        task_images(dataset, ["Hernia"], LabelPolicy(), Cohort())
