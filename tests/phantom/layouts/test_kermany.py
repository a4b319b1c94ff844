import re

import cv2

from hilum.phantom import write_layout


def test_names_and_folders_are_kermanys(generated):
    root, written = generated("kermany")
    base = root / "chest_xray"
    assert sorted(path.relative_to(base).as_posix() for path in base.glob("*/*")) == [
        f"{part}/{name}" for part in ("test", "train", "val") for name in ("NORMAL", "PNEUMONIA")
    ]
    for name in written.manifest["image_id"]:
        assert re.fullmatch(
            r"\w+/(NORMAL/(NORMAL2-)?IM-\d{4}-0001(-\d{4})?|PNEUMONIA/person\d+_(bacteria|virus)_\d+)\.jpeg", name
        )
    shapes = {cv2.imread(str(path), cv2.IMREAD_UNCHANGED).shape for path in base.rglob("*.jpeg")}
    assert len(shapes) > 1  # of many sizes, gray
    assert all(len(shape) == 2 for shape in shapes)


def test_children_have_several_images_and_numbers_start_anew_in_test(generated):
    manifest = generated("kermany")[1].manifest
    assert manifest["patient_id"].n_unique() < len(manifest)
    assert {"train-person1", "test-person1"} <= set(manifest["patient_id"])
    assert manifest["Bacterial Pneumonia"].sum() > 0
    assert manifest["Viral Pneumonia"].sum() > 0


def test_the_images_of_a_smaller_number_are_the_first_of_a_larger_one(generated, anew, tmp_path):
    root, _ = generated("kermany")
    few = write_layout("kermany", tmp_path / "few", images=3, size=32, seed=0).manifest
    for path in few["path"]:
        assert (tmp_path / "few" / path).read_bytes() == (root / path).read_bytes()
