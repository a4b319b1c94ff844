import pytest

from hilum.data.labels import stack_manifests
from hilum.data.manifest import check_manifest
from hilum.data.splits import check_patients_apart, patient_split


@pytest.fixture
def sets(images):
    return {
        "nih": images(["1", "2"], split=["test", "train_val"], Mass=[1, 0], Edema=[0, 1]),
        "stanford": images(["1", "7", "8"], Edema=[-1, None, 1], Fracture=[1, -1, 0]),
    }


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
