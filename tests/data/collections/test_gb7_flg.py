import cv2
import numpy as np
import pytest

from hilum.data.collections import read_collection
from hilum.errors import HilumError

IMAGE = np.arange(30 * 40, dtype=np.uint16).reshape(30, 40)
SICK, WELL = "MD__20190111-1231_pnevmoniya/Undef", "MD__20200424__norma/Undef"


@pytest.fixture
def native(tmp_path, dicom):
    for folder in (SICK, WELL):
        (tmp_path / folder).mkdir(parents=True)
    dicom(IMAGE, f"{SICK}/IM000001", PatientID="17", PatientSex="F", PatientAge="033Y", ViewPosition="PA")
    dicom(IMAGE, f"{WELL}/IM000001", PatientID="17")
    dicom(IMAGE, f"{WELL}/IM000002")
    cv2.imwrite(str(tmp_path / WELL / ".." / "x.png"), np.zeros((9, 9), np.uint8))
    (tmp_path / WELL / "DICOMDIR").write_text("no image")
    return tmp_path


def test_folders_and_headers_become_a_manifest(native):
    dataset = read_collection("gb7_flg", native)
    png = "MD__20200424__norma/x.png"
    assert dataset.manifest.drop("image_id", "study_id", "split").rows() == [
        (f"{SICK}/IM000001", "17", "PA", 33.0, "F", 1, 0),
        (f"{WELL}/IM000001", "17", None, None, None, 0, 1),
        (f"{WELL}/IM000002", f"{WELL}/IM000002", None, None, None, 0, 1),
        (png, png, None, None, None, 0, 1),
    ]
    assert list(map(str, dataset.notes)) == [
        "files that are not images, and were skipped: 1",
        "2 images have no patient id: each counts as its own patient",
    ]


def test_broken_images_are_set_aside(native):
    path = native / SICK / "IM000001"
    path.write_bytes(path.read_bytes()[:300])
    dataset = read_collection("gb7_flg", native)
    assert dataset.rejected["path"].to_list() == [f"{SICK}/IM000001"]
    assert len(dataset.manifest) == 3


def test_without_both_folders_it_is_not_gb7(tmp_path):
    (tmp_path / "norma").mkdir()
    with pytest.raises(HilumError, match=r"expected folders with pnevmoniya and norma .* found none with pnevmoniya"):
        read_collection("gb7_flg", tmp_path)


def test_folders_that_are_links_are_not_followed(native, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (native / WELL / "IM000002").rename(elsewhere / "IM000009")
    (native / "MD__20200424__norma" / "linked").symlink_to(elsewhere)
    (native / "norma").symlink_to(elsewhere)
    (native / WELL / "IM000003").symlink_to(elsewhere / "IM000009")
    dataset = read_collection("gb7_flg", native)
    assert len(dataset.manifest) == 3
    assert not dataset.manifest["path"].str.contains("linked|IM000009|IM000003").any()
