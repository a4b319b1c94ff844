import json

import numpy as np
import pytest

from hilum.data.collections import read_collection
from hilum.data.pixels import read_gray
from hilum.errors import HilumError

IMAGE = np.zeros((8, 8), np.uint8)
LABELS = [
    "patientId,x,y,width,height,Target",
    "a,264,152,213,379,1",
    "a,562.0,152.0,256.0,453.0,1",
    "b,,,,,0",
    "c,,,,,0",
]
CLASSES = ["patientId,class", "a,Lung Opacity", "a,Lung Opacity", "b,No Lung Opacity / Not Normal", "c,Normal"]
MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"


def write(root, name, lines):
    (root / name).write_text("\n".join(lines) + "\n")


@pytest.fixture
def native(tmp_path, dicom):
    write(tmp_path, "stage_2_train_labels.csv", LABELS)
    write(tmp_path, "stage_2_detailed_class_info.csv", CLASSES)
    for folder, names in (("stage_2_train_images", "abc"), ("stage_2_test_images", "d")):
        (tmp_path / folder).mkdir()
        for name in names:
            dicom(IMAGE, f"{folder}/{name}.dcm", PatientSex="M", PatientAge="051Y", ViewPosition="AP", PatientID=name)
    return tmp_path


def test_target_class_and_header_become_a_manifest(native):
    dataset = read_collection("rsna_pneumonia", native)
    manifest = dataset.manifest
    assert manifest.select("image_id", "patient_id", "split", "view", "age", "sex").rows() == [
        (name, name, part, "AP", 51.0, "M")
        for name, part in (("a", "train"), ("b", "train"), ("c", "train"), ("d", "test"))
    ]
    assert manifest["Pneumonia"].to_list() == manifest["Lung Opacity"].to_list() == [1, 0, 0, None]
    assert manifest["No Finding"].to_list() == [0, 0, 1, None]


def test_boxes_are_in_the_frame_of_1024_pixels(native):
    assert read_collection("rsna_pneumonia", native).boxes.rows() == [
        ("a", "Lung Opacity", 264.0, 152.0, 213.0, 379.0, 1024, 1024),
        ("a", "Lung Opacity", 562.0, 152.0, 256.0, 453.0, 1024, 1024),
    ]


def mapping(pairs):
    return json.dumps([{"subset_img_id": image, "img_id": name, "orig_labels": []} for image, name in pairs])


def test_the_mapping_gives_the_patients_of_chestxray14(native):
    pairs = [("a", "00000001_000.png"), ("b", "00000001_003.png"), ("c", "00012345_000.png"), ("d", "00000007_000.png")]
    (native / MAPPING).write_text(mapping(pairs))
    dataset = read_collection("rsna_pneumonia", native)
    assert dataset.manifest["patient_id"].to_list() == [f"chestxray14:{number}" for number in (1, 1, 12345, 7)]
    assert dataset.manifest["split"].to_list() == ["train"] * 3 + ["test"]
    assert MAPPING in dataset.sources


def test_a_patient_in_train_and_test_leaves_no_division(native):
    (native / MAPPING).write_text(mapping([("a", "00000001_000.png"), ("d", "00000001_003.png")]))
    dataset = read_collection("rsna_pneumonia", native)
    assert dataset.manifest["split"].to_list() == [None] * 4
    assert dataset.manifest["patient_id"].to_list() == ["chestxray14:1", "b", "c", "chestxray14:1"]
    assert any(note.startswith("1 patients have images in train and in test") for note in map(str, dataset.notes))
    assert f"2 images are not in {MAPPING}; each counts as its own patient" in map(str, dataset.notes)


@pytest.mark.parametrize(
    "content", ["{", "[1]", "{}", '[{"subset_img_id": 1, "img_id": "x"}]', "[" * 200_000, '[{"img_id": "x"}]']
)
def test_a_broken_mapping_is_refused(native, content):
    (native / MAPPING).write_text(content)
    with pytest.raises(HilumError, match="RSNA's mapping"):
        read_collection("rsna_pneumonia", native)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("b,1,2,3,4,1", "line 4: Target is '0', expected 1 with a box and 0 without, the same in all rows of an image"),
        ("b,1,2,3,4,0", "line 6: Target is '0', expected 1 with a box"),
        ("b,,,,,1", "line 6: Target is '1', expected 1 with a box"),
        ("b,,,,,yes", "line 6: Target is 'yes', expected 0 or 1"),
        ("../b,,,,,0", "line 6: patientId is '../b', expected the id of an image"),
        ("a,1,2,3,,1", "expected four numbers for each box; found others in line 6"),
        ("a,1024,2,3,4,1", "expected boxes on their images; found others in line 6"),
        ("q,,,,,0", r"found 1 missing \(q\)"),
    ],
)
def test_a_wrong_line_is_named(native, line, message):
    write(native, "stage_2_train_labels.csv", [*LABELS, line])
    with pytest.raises(HilumError, match=message):
        read_collection("rsna_pneumonia", native)


def test_a_wrong_class_is_named(native):
    write(native, "stage_2_detailed_class_info.csv", [*CLASSES, "c,Lung Opacity"])
    with pytest.raises(HilumError, match="line 5: class is 'Normal', expected one of Lung Opacity, Normal"):
        read_collection("rsna_pneumonia", native)


def test_without_classes_no_finding_is_not_labelled(native):
    (native / "stage_2_detailed_class_info.csv").unlink()
    dataset = read_collection("rsna_pneumonia", native)
    assert dataset.manifest["No Finding"].null_count() == 4
    assert "no stage_2_detailed_class_info.csv here: No Finding is not labelled" in map(str, dataset.notes)


def test_without_its_table_it_is_not_rsnas(tmp_path):
    with pytest.raises(HilumError, match=r"expected RSNA's stage_2_train_labels.csv"):
        read_collection("rsna_pneumonia", tmp_path)


@pytest.mark.shared_data
def test_a_real_image_of_this_kind_is_read(shared_data, native):
    # SIIM's sample is of the same archive and encoding: a secondary capture, JPEG baseline, age without unit
    real = (
        shared_data
        / "cxr_formats"
        / "torchxrayvision_tests"
        / "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm"
    )
    (native / "stage_2_train_images" / "b.dcm").write_bytes(real.read_bytes())
    image = read_collection("rsna_pneumonia", native).manifest.row(1, named=True)
    assert (image["view"], image["sex"]) == ("PA", "M")
    assert 0 < image["age"] < 120
    assert read_gray(native / image["path"]).shape == (1024, 1024)
