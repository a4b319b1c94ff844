import copy
import json

import numpy as np
import pytest

from hilum.data.collections import read_collection
from hilum.data.pixels import read_gray
from hilum.errors import HilumError

IMAGES = ["health/h0001.png", "sick/s0001.png", "tb/tb0001.png", "tb/tb0002.png", "tb/tb0003.png", "tb/tb0004.png"]
LISTS = {"train": IMAGES[:4], "val": IMAGES[4:]}
NAMES = ["ActiveTuberculosis", "ObsoletePulmonaryTuberculosis", "PulmonaryTuberculosis"]


def coco(radiographs, boxes):
    return {
        "categories": [{"id": number, "name": name} for number, name in enumerate(NAMES, start=1)],
        "images": [
            {"id": n, "file_name": radiograph, "width": 512, "height": 512}
            for n, radiograph in enumerate(radiographs, start=1)
        ],
        "annotations": [
            {"id": n, "image_id": image, "category_id": category, "bbox": box, "area": 1, "iscrowd": 0}
            for n, (image, category, box) in enumerate(boxes, start=1)
        ],
    }


TRAIN = coco(IMAGES[:4], [(3, 1, [381.5, 126.5, 40.25, 44.5]), (3, 2, [1, 2, 3, 4]), (4, 2, [10, 10, 20, 20])])
VAL = coco(IMAGES[4:], [(1, 3, [500.0, 500.0, 20.0, 12.0])])


@pytest.fixture
def native(tmp_path):
    for radiograph in [*IMAGES, "test/t0001.png"]:
        (tmp_path / "imgs" / radiograph).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "imgs" / radiograph).write_text("pixels are not read here")
    (tmp_path / "lists").mkdir()
    (tmp_path / "annotations" / "json").mkdir(parents=True)
    for part, radiographs in LISTS.items():
        (tmp_path / "lists" / f"TBX11K_{part}.txt").write_text("\n".join(radiographs) + "\n")
    write(tmp_path, "train", TRAIN)
    write(tmp_path, "val", VAL)
    return tmp_path


def write(root, part, content):
    text = content if isinstance(content, str) else json.dumps(content)
    (root / "annotations" / "json" / f"TBX11K_{part}.json").write_text(text)


def test_folders_lists_and_boxes_become_a_manifest(native):
    dataset = read_collection("tbx11k", native)
    manifest = dataset.manifest
    assert manifest["image_id"].to_list() == [*IMAGES, "test/t0001.png"]
    assert manifest["path"].to_list() == [f"imgs/{radiograph}" for radiograph in [*IMAGES, "test/t0001.png"]]
    assert manifest["split"].to_list() == ["train"] * 4 + ["val"] * 2 + ["test"]
    findings = ["Tuberculosis", "Active Tuberculosis", "Latent Tuberculosis", "Other Disease", "No Finding"]
    assert manifest.select(findings).rows() == [
        (0, 0, 0, 0, 1),
        (0, 0, 0, 1, 0),
        (1, 1, 1, None, 0),
        (1, 0, 1, None, 0),
        (1, -1, -1, None, 0),  # uncertain
        (1, None, None, None, 0),  # as tb1199: without any box
        (None, None, None, None, None),
    ]


def test_boxes_are_cut_at_the_edge_of_their_image(native):
    dataset = read_collection("tbx11k", native)
    assert dataset.boxes.rows() == [
        ("tb/tb0001.png", "Active Tuberculosis", 381.5, 126.5, 40.25, 44.5, 512, 512),
        ("tb/tb0001.png", "Latent Tuberculosis", 1.0, 2.0, 3.0, 4.0, 512, 512),
        ("tb/tb0002.png", "Latent Tuberculosis", 10.0, 10.0, 20.0, 20.0, 512, 512),
        ("tb/tb0003.png", "Tuberculosis", 500.0, 500.0, 12.0, 12.0, 512, 512),
    ]
    assert "1 boxes of TBX11K_val.json extend beyond their images and were clipped" in map(str, dataset.notes)


def test_the_union_is_read_where_the_parts_are_not_here(native):
    boxes = read_collection("tbx11k", native).boxes
    both = coco(IMAGES, [(3, 1, [381.5, 126.5, 40.25, 44.5]), (3, 2, [1, 2, 3, 4]), (4, 2, [10, 10, 20, 20])])
    both["annotations"].append({"image_id": 5, "category_id": 3, "bbox": [500.0, 500.0, 20.0, 12.0]})
    write(native, "trainval", both)
    assert len(read_collection("tbx11k", native).boxes) == 4
    for part in LISTS:
        (native / "annotations" / "json" / f"TBX11K_{part}.json").unlink()
    assert read_collection("tbx11k", native).boxes.equals(boxes)


def test_without_annotations_activity_is_not_known(native):
    for part in LISTS:
        (native / "annotations" / "json" / f"TBX11K_{part}.json").unlink()
    dataset = read_collection("tbx11k", native)
    assert dataset.boxes is None
    assert dataset.manifest["Active Tuberculosis"].to_list() == [0, 0, None, None, None, None, None]
    assert dataset.manifest["Tuberculosis"].to_list() == [0, 0, 1, 1, 1, 1, None]


def test_the_root_may_be_the_folder_above_and_extra_is_left_out(native, tmp_path_factory):
    above = tmp_path_factory.mktemp("above")
    native.rename(above / "TBX11K")
    (above / "TBX11K" / "imgs" / "extra" / "da+db").mkdir(parents=True)
    dataset = read_collection("tbx11k", above)
    assert dataset.manifest["path"].to_list()[0] == "TBX11K/imgs/health/h0001.png"
    assert len(dataset.manifest) == 7
    assert "imgs/extra contains images of other collections and was excluded" in map(str, dataset.notes)


def test_missing_images_and_lists(native):
    (native / "imgs" / IMAGES[2]).unlink()
    with pytest.raises(HilumError, match=r"found 1 missing \(tb/tb0001.png\)"):
        read_collection("tbx11k", native)
    manifest = read_collection("tbx11k", native, allow_missing=True).manifest
    assert manifest.row(2)[:2] == ("tb/tb0001.png", None)
    (native / "lists" / "TBX11K_val.txt").unlink()
    notes = list(map(str, read_collection("tbx11k", native, allow_missing=True).notes))
    assert "no lists/TBX11K_val.txt here: split of its images is blank" in notes
    assert "2 images are on no list (tb/tb0003.png, tb/tb0004.png): split is blank" in notes


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("../../etc/passwd", "expected one image per line, such as tb/tb0003.png; found other in line 5"),
        ("/tb/tb0001.png", "found other in line 5"),
        ("tb/../../x.png", "found other in line 5"),
        (IMAGES[4], "expected every image on one list, once; found tb/tb0003.png again"),
    ],
)
def test_a_wrong_list_is_refused(native, line, message):
    with (native / "lists" / "TBX11K_train.txt").open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(HilumError, match=message):
        read_collection("tbx11k", native)


def changed(**values):
    content = copy.deepcopy(TRAIN)
    for part, change in values.items():
        content[part][0].update(change)
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "expected TBX11K's boxes as JSON"),
        ("[" * 200_000, "expected TBX11K's boxes as JSON"),
        ("[]", "an object with lists categories, images, annotations"),
        ('{"categories": [], "images": []}', "an object with lists categories, images, annotations"),
        (changed(images={"width": "512"}), "images 1: with id, file_name, width, height"),
        (changed(images={"width": 10**400}), "images 1: 1 to 100,000 pixels a side"),
        (changed(images={"height": 0}), "images 1: 1 to 100,000 pixels a side"),
        (changed(annotations={"image_id": 99}), "annotation 1: an image and one of ActiveTuberculosis"),
        (changed(annotations={"category_id": 7}), "annotation 1: an image and one of ActiveTuberculosis"),
        (changed(categories={"name": "Tuberculoma"}), "annotation 1: an image and one of ActiveTuberculosis"),
        (changed(annotations={"bbox": [1, 2, 3]}), "annotations 1: a bbox of four numbers"),
        (changed(annotations={"bbox": [1, 2, 3, float("nan")]}), "annotations 1: a bbox of four numbers"),
        (changed(annotations={"bbox": [1, 2, 3, 10**400]}), "annotations 1: a bbox of four numbers"),
        (changed(annotations={"bbox": [1, 2, -3, 4]}), "expected a width and a height above 0; found others in line 1"),
        (changed(annotations={"bbox": [600, 2, 3, 4]}), "expected boxes on their images; found others in line 1"),
    ],
)
def test_wrong_annotations_are_refused(native, content, message):
    write(native, "train", content)
    with pytest.raises(HilumError, match=message):
        read_collection("tbx11k", native)


def test_boxes_of_images_that_are_not_here_are_counted(native):
    write(native, "val", coco(["../../etc/passwd"], [(1, 1, [1, 2, 3, 4])]))
    dataset = read_collection("tbx11k", native)
    assert "1 boxes of TBX11K_val.json are on images that are missing or were not read, and were excluded" in map(
        str, dataset.notes
    )


@pytest.mark.shared_data
def test_real_boxes_land_on_the_lungs_of_their_images(shared_data):
    root = shared_data / "cxr_formats" / "torchxrayvision_tests" / "tbx11k_test_data"
    dataset = read_collection("tbx11k", root)
    assert dataset.manifest["image_id"].to_list() == ["health/h0001.png", "tb/tb0005.png", "tb/tb0007.png"]
    assert dataset.manifest["Active Tuberculosis"].to_list() == [0, 1, 0]
    assert dataset.manifest["Latent Tuberculosis"].to_list() == [0, 0, 1]
    boxes = dataset.boxes.rows(named=True)
    assert [box["image_id"] for box in boxes] == ["tb/tb0005.png", "tb/tb0007.png", "tb/tb0007.png"]
    for box in boxes:
        radiograph = read_gray(root / "imgs" / box["image_id"])
        assert radiograph.shape == (box["frame_height"], box["frame_width"]) == (512, 512)
        x, y, width, height = (round(box[name]) for name in ("x", "y", "width", "height"))
        assert 0 <= x < x + width <= 512
        assert 0 <= y < y + height <= 512
        assert np.ptp(radiograph[y : y + height, x : x + width]) > 50  # ribs and lung, no border
