import numpy as np
import pytest

from hilum.data.labels import LabelPolicy, stack_manifests, targets, unified_targets
from hilum.data.manifest import check_manifest
from hilum.data.splits import check_patients_apart, patient_split
from hilum.errors import HilumError

NAN = float("nan")


@pytest.fixture
def sets(images):
    return {
        "nih": images(["1", "2"], split=["test", "train_val"], Mass=[1, 0], Edema=[0, 1]),
        "stanford": images(["1", "7", "8"], Edema=[-1, None, 1], Fracture=[1, -1, 0]),
    }


def test_every_set_is_read_by_its_own_policy_and_is_masked_where_it_does_not_label(sets):
    policies = {"nih": LabelPolicy(), "stanford": LabelPolicy(uncertain={"Fracture": "drop", "otherwise": "one"})}
    ids, values = unified_targets(sets, ["Fracture", "Mass", "Edema"], policies)
    assert ids == ["nih:a0", "nih:a1", "stanford:a0", "stanford:a2"]
    np.testing.assert_array_equal(values, [[NAN, 1, 0], [NAN, 0, 1], [1, NAN, 1], [0, NAN, 1]])
    assert values.dtype == np.float32


def test_blanks_mean_what_the_policy_says_only_where_a_set_labels_the_finding(sets):
    _, values = unified_targets(sets, ["Mass", "Edema"], dict.fromkeys(sets, LabelPolicy(not_mentioned="zero")))
    np.testing.assert_array_equal(values[2:], [[NAN, 0], [NAN, 0], [NAN, 1]])


def test_one_set_alone_gives_its_plain_targets(sets):
    _, values = unified_targets({"nih": sets["nih"]}, ["Mass", "Edema"], {"nih": LabelPolicy()})
    np.testing.assert_array_equal(values, targets(sets["nih"], ["Mass", "Edema"], LabelPolicy())[1])


def test_findings_that_no_set_has_and_sets_that_have_none_are_refused(sets):
    policies = dict.fromkeys(sets, LabelPolicy())
    with pytest.raises(HilumError, match="one of nih, stanford labels; found Hernia"):
        unified_targets(sets, ["Mass", "Hernia"], policies)
    with pytest.raises(HilumError, match="found stanford"):
        unified_targets(sets, ["Mass"], policies)


def test_stacked_images_are_a_manifest_in_which_patients_of_two_sets_are_two(sets):
    stacked = stack_manifests(sets, {"nih": "chestxray14", "stanford": "chexpert"})
    check_manifest(stacked, "stacked")
    assert stacked["image_id"].to_list() == ["nih:a0", "nih:a1", "stanford:a0", "stanford:a1", "stanford:a2"]
    assert stacked["patient_id"].to_list() == [
        "chestxray14:1",
        "chestxray14:2",
        "chexpert:1",
        "chexpert:7",
        "chexpert:8",
    ]
    assert stacked["path"].to_list()[:3] == ["nih/a0.png", "nih/a1.png", "stanford/a0.png"]
    assert stacked["split"].to_list() == ["test", "train_val", None, None, None]
    assert stacked["Mass"].to_list() == [1, 0, None, None, None]


def test_a_patient_whom_two_sets_share_stays_in_one_part(images):
    rsna = images([f"chestxray14:{number}" for number in range(40)], Pneumonia=[number % 2 for number in range(40)])
    nih = images([str(number) for number in range(20, 60)], Pneumonia=[0] * 40)
    stacked = stack_manifests({"rsna": rsna, "nih": nih}, {"rsna": "rsna_pneumonia", "nih": "chestxray14"})
    assert stacked["patient_id"].n_unique() == 60
    check_patients_apart(patient_split(stacked, (70, 10, 20), seed=0).assignment, "stacked")
