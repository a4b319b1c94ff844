import os

import polars as pl
import pytest

from hilum.data.collections import read_collection
from hilum.errors import HilumError

IMAGES = [
    "train/NORMAL/IM-0115-0001.jpeg",
    "train/NORMAL/NORMAL2-IM-0115-0001.jpeg",
    "train/NORMAL/IM-0543-0001-0002.jpeg",
    "train/PNEUMONIA/person1_bacteria_1.jpeg",
    "train/PNEUMONIA/person1_virus_7.jpeg",
    "train/PNEUMONIA/person10_virus_21.jpeg",
    "val/NORMAL/NORMAL2-IM-1427-0001.jpeg",
    "val/PNEUMONIA/person1946_bacteria_4874.jpeg",
    "test/NORMAL/IM-0001-0001.jpeg",
    "test/PNEUMONIA/person1_virus_6.jpeg",
]


def make(root, images):
    for image in images:
        (root / image).parent.mkdir(parents=True, exist_ok=True)
        (root / image).write_text("pixels are not read here")
    return root


@pytest.fixture(params=["", "chest_xray"])
def native(tmp_path, request):
    make(tmp_path / request.param, IMAGES)
    # what lies about in Kaggle's archive
    make(
        tmp_path, ["__MACOSX/chest_xray/train/NORMAL/._IM-0115-0001.jpeg", "chest_xray/chest_xray/train/NORMAL/x.jpeg"]
    )
    make(tmp_path / request.param, ["train/NORMAL/.DS_Store", "train/NORMAL/._IM-0115-0001.jpeg", "val/.DS_Store"])
    return tmp_path


def test_folders_and_names_become_a_manifest(native):
    dataset = read_collection("kermany", native)
    manifest = dataset.manifest
    assert manifest["image_id"].to_list() == sorted(IMAGES)
    assert all((native / path).is_file() for path in manifest["path"])
    message = dict(zip(manifest["image_id"], manifest.select("patient_id", "split").rows(), strict=True))
    assert message == {
        "train/NORMAL/IM-0115-0001.jpeg": ("train-IM-0115", "train"),
        "train/NORMAL/NORMAL2-IM-0115-0001.jpeg": ("train-NORMAL2-IM-0115", "train"),
        "train/NORMAL/IM-0543-0001-0002.jpeg": ("train-IM-0543", "train"),
        "train/PNEUMONIA/person1_bacteria_1.jpeg": ("train-person1", "train"),
        "train/PNEUMONIA/person1_virus_7.jpeg": ("train-person1", "train"),
        "train/PNEUMONIA/person10_virus_21.jpeg": ("train-person10", "train"),
        "val/NORMAL/NORMAL2-IM-1427-0001.jpeg": ("train-NORMAL2-IM-1427", "val"),
        "val/PNEUMONIA/person1946_bacteria_4874.jpeg": ("train-person1946", "val"),
        "test/NORMAL/IM-0001-0001.jpeg": ("test-IM-0001", "test"),
        "test/PNEUMONIA/person1_virus_6.jpeg": ("test-person1", "test"),
    }
    assert manifest["view"].unique().to_list() == ["AP"]


def test_codes_follow_folder_and_name(native):
    manifest = read_collection("kermany", native).manifest
    codes = manifest.select("Pneumonia", "Bacterial Pneumonia", "Viral Pneumonia", "No Finding").rows()
    expected = {"NORMAL": (0, 0, 0, 1), "bacteria": (1, 1, 0, 0), "virus": (1, 0, 1, 0)}
    kinds = [next(kind for kind in expected if f"{kind}" in name) for name in manifest["image_id"]]
    assert codes == [expected[kind] for kind in kinds]


def test_numbers_that_come_again_in_test_are_other_children_and_stated_so(native):
    notes = list(map(str, read_collection("kermany", native).notes))
    assert list(map(str, notes)) == [
        "1 patient numbers of test also occur in train or val and are assumed to be other children (person1)"
    ]


def test_a_child_in_train_and_val_is_refused(native):
    base = native / ("chest_xray" if not (native / "train").is_dir() else "")
    make(base, ["val/PNEUMONIA/person10_virus_22.jpeg"])
    with pytest.raises(HilumError, match=r"split: .*found patient train-person10 in train and val"):
        read_collection("kermany", native)


def test_the_later_versions_numbers_hold_everywhere(tmp_path):
    images = ["train/PNEUMONIA/BACTERIA-1135262-0001.jpeg", "train/PNEUMONIA/VIRUS-1135262-0002.jpeg"]
    make(tmp_path, [*images, "test/NORMAL/NORMAL-28501-0001.jpeg"])
    with pytest.raises(HilumError, match="expected a folder of each class in train and test; found 2 missing"):
        read_collection("kermany", tmp_path)
    make(tmp_path, ["train/NORMAL/.keep", "test/PNEUMONIA/.keep"])
    dataset = read_collection("kermany", tmp_path)
    assert list(map(str, dataset.notes)) == ["no folder val, as in Mendeley's versions: its images are in train"]
    manifest = dataset.manifest
    assert manifest["patient_id"].to_list() == ["28501", "1135262", "1135262"]
    assert manifest["Viral Pneumonia"].to_list() == [0, 0, 1]
    make(tmp_path, ["test/NORMAL/NORMAL-1135262-0001.jpeg"])
    with pytest.raises(HilumError, match="found patient 1135262 in test and train"):
        read_collection("kermany", tmp_path)


def test_names_that_say_nothing_are_kept_and_counted(native):
    base = native / ("chest_xray" if not (native / "train").is_dir() else "")
    make(base, ["train/PNEUMONIA/scan7.jpeg"])
    dataset = read_collection("kermany", native)
    image = dataset.manifest.filter(pl.col("image_id").str.ends_with("scan7.jpeg")).row(0, named=True)
    assert image["patient_id"] == image["image_id"]
    assert (image["Pneumonia"], image["Bacterial Pneumonia"], image["Viral Pneumonia"]) == (1, None, None)
    assert any(note.startswith("1 names contain no patient") for note in map(str, dataset.notes))
    assert any(
        note.startswith("1 names in PNEUMONIA contain neither bacteria nor virus") for note in map(str, dataset.notes)
    )


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(HilumError, match=r"expected chest_xray/train/NORMAL/\*.jpeg and the like; found none"):
        read_collection("kermany", tmp_path, allow_missing=True)


def test_names_that_are_not_utf8_are_left_out_and_stated(native):
    folder = native / "train" if (native / "train").is_dir() else native / "chest_xray" / "train"
    (folder / "NORMAL" / os.fsdecode(b"IM-0001-\xeda.jpeg")).write_text("x")
    dataset = read_collection("kermany", native)
    assert len(dataset.manifest) == len(IMAGES)
    assert any("1 files or folders have names that are not UTF-8" in note for note in map(str, dataset.notes))
