from pathlib import Path

import cv2
import numpy as np
import pytest

from hilum.data.doctor import diagnose, measure_all
from hilum.data.doctor.image_issues import image_issues


def black(image):
    return np.zeros_like(image)


def nearly_black(image):
    dark = np.zeros_like(image)
    dark[:3, :8] = 200
    return dark


def clipped(image):
    return np.clip(image.astype(int) * 2, 0, 255).astype(np.uint8)


def posterised(image):
    return (image // 32 * 32).astype(np.uint8)


def faint(image):
    return (100 + image // 24 * 1.0 + np.arange(64) % 24).astype(np.uint8)


def framed(image):
    image = image.copy()
    image[:, :16] = 0
    return image


def strip(image):
    return np.ascontiguousarray(image[:, 16:48])


def no_chest(image):
    rows, columns = np.mgrid[:64, :64]
    return (60 + 2 * columns + 8 * np.sin(columns * rows / 40)).astype(np.uint8)


def enlarged(image):
    return cv2.resize(image, (256, 256), interpolation=cv2.INTER_CUBIC)


PLANTED = [
    ("error", "empty images", black),
    ("error", "empty images", nearly_black),
    ("warning", "clipped images", clipped),
    ("warning", "few gray levels", posterised),
    ("warning", "faint images", faint),
    ("note", "bars at the edge", framed),
    ("warning", "atypical shapes", strip),
    ("warning", "atypical images", no_chest),
    ("note", "atypical sizes", enlarged),
    ("error", "negatives", lambda image: 255 - image),
    ("note", "mixed bit depths", lambda image: image.astype(np.uint16) * 100),
]


def examined(data_set, out: Path):
    (measured,) = measure_all([data_set], out)
    return {issue.check: issue for issue in image_issues(data_set, measured)}


def test_sound_images_are_met_with_silence(clean, tmp_path):
    assert examined(clean, tmp_path / "out") == {}


@pytest.mark.parametrize(("severity", "check", "spoil"), PLANTED, ids=lambda value: getattr(value, "__name__", None))
def test_a_planted_fault_is_found(own_copy, tmp_path, severity, check, spoil):
    chosen = own_copy.manifest.row(17, named=True)
    path = own_copy.root / chosen["path"]
    cv2.imwrite(str(path), spoil(cv2.imread(str(path), cv2.IMREAD_UNCHANGED)))
    found = examined(own_copy, tmp_path / "out")
    assert check in found, found
    assert (found[check].severity, list(found[check].image_ids)) == (severity, [chosen["image_id"]])
    assert set(found) <= {check, "atypical images", "clipped images"}  # what was clipped or framed may also look odd


def test_a_broken_and_an_absent_file_are_counted_with_their_reasons(own_copy, tmp_path):
    broken, absent = own_copy.manifest["path"][:2]
    (own_copy.root / broken).write_bytes((own_copy.root / broken).read_bytes()[:300])
    (own_copy.root / absent).unlink()
    found = examined(own_copy, tmp_path / "out")
    issue = found["unreadable files"]
    assert len(issue.image_ids) == 2
    assert issue.message.startswith("2 files cannot be read: broken PNG")
    assert "no such file or directory (1)" in issue.message


def test_negatives_are_found_up_to_a_third_of_a_data_set(own_copy, tmp_path):
    turned = own_copy.manifest.filter(np.arange(len(own_copy.manifest)) % 3 == 0)
    for path in turned["path"]:
        image = cv2.imread(str(own_copy.root / path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(own_copy.root / path), 255 - image)
    assert sorted(examined(own_copy, tmp_path / "out")["negatives"].image_ids) == sorted(turned["image_id"])


def test_a_data_set_of_negatives_is_found_as_a_whole(own_copy, tmp_path):
    for path in own_copy.manifest["path"]:
        image = cv2.imread(str(own_copy.root / path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(own_copy.root / path), 255 - image)
    (measured,) = measure_all([own_copy], tmp_path / "out")
    message = [issue.message for issue in image_issues(own_copy, measured) if issue.check == "negatives"]
    assert sorted(text.split(" images")[0] for text in message) == ["All AP", "All PA"]


def test_the_whole_examination_of_sound_images_finds_no_fault(clean, tmp_path):
    found = diagnose([clean], measure_all([clean], tmp_path / "out"))
    assert {issue.check for issue in found.issues} <= {
        "findings that cannot be evaluated",
        "few positive images",
        "few patients",
    }
    assert len(found.copies) == 0


@pytest.mark.shared_data
def test_real_images_give_few_warnings_and_all_negatives_are_found(shared_data, tmp_path):
    from hilum.data.collections import read_collection
    from hilum.data.doctor import as_checked_dataset
    from hilum.data.doctor.typical import NEGATIVE, likeness

    data_set = as_checked_dataset(read_collection("chestxray14", shared_data / "chestxray14_tiny64"))
    (measured,) = measure_all([data_set], tmp_path / "out")
    found = {issue.check: issue for issue in image_issues(data_set, measured)}
    assert set(found) == {"atypical images", "bars at the edge"}
    assert len(found["atypical images"].image_ids) == 1
    images = np.array(measured.thumbnails)
    turned = np.random.default_rng(0).random(len(images)) < 0.3
    images[turned] = 255 - images[turned]
    like = likeness(images, data_set.manifest["view"].to_list(), np.ones(len(images), bool))
    assert ((like < NEGATIVE) == turned).all()
