import cv2
import numpy as np
import pytest

from hilum.data.collections import read_collection
from hilum.errors import HilumError

IMAGE = np.arange(30 * 40, dtype=np.uint16).reshape(30, 40)
HEADER = "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max"
ROWS = [
    "a,Pulmonary fibrosis,13,R8,1,2,11,12",
    "a,Pulmonary fibrosis,13,R8,20,2,30,12",
    "a,Cardiomegaly,3,R9,5,15,35,29",
    "a,Cardiomegaly,3,R8,5,15,35,29",
    "a,Cardiomegaly,3,R10,6,15,35,28",
    "b,No finding,14,R9,,,,",
    "b,No finding,14,R11,,,,",
    "b,ILD,5,R12,0,0,40,30",
]


@pytest.fixture
def native(tmp_path, dicom):
    (tmp_path / "train.csv").write_text("\n".join([HEADER, *ROWS]) + "\n")
    for folder, names in (("train", "ab"), ("test", "cd")):
        (tmp_path / folder).mkdir()
        for name in names:
            dicom(IMAGE, f"{folder}/{name}.dicom", PatientSex="F")
    return tmp_path


@pytest.fixture
def converted(native):
    """The same images as PNG of another size."""
    for path in native.glob("t*/*.dicom"):
        cv2.imwrite(str(path.with_suffix(".png")), np.zeros((16, 16), np.uint8))
        path.unlink()
    return native


def test_who_has_a_row_on_an_image_has_read_it_and_boxes_what_they_see(native):
    dataset = read_collection("vinbigdata", native)
    manifest = dataset.manifest
    assert manifest.select("image_id", "split", "sex", "view").rows() == [
        ("a", "train", "F", "PA"),
        ("b", "train", "F", "PA"),
        ("c", "test", "F", "PA"),
        ("d", "test", "F", "PA"),
    ]
    assert manifest["Cardiomegaly"].to_list() == [1, 0, None, None]
    assert manifest["Fibrosis"].to_list() == [-1, 0, None, None]
    assert manifest["Interstitial Lung Disease"].to_list() == [0, -1, None, None]
    assert manifest["No Finding"].to_list() == [0, -1, None, None]
    assert dataset.readings.group_by("image_id", "reader").len().sort("image_id", "reader").rows() == [
        *(("a", reader, 15) for reader in ("R10", "R8", "R9")),
        *(("b", reader, 15) for reader in ("R11", "R12", "R9")),
    ]


def test_boxes_are_in_the_headers_frame(native):
    boxes = read_collection("vinbigdata", native).boxes
    assert boxes.row(0) == ("a", "Fibrosis", 1.0, 2.0, 10.0, 10.0, 40, 30, "R8")
    assert len(boxes) == 6


def test_converted_images_have_boxes_where_the_originals_size_is_reported(converted):
    dataset = read_collection("vinbigdata", converted)
    assert dataset.manifest["path"].to_list()[0] == "train/a.png"
    assert len(dataset.boxes) == 0
    assert "6 boxes are on images of unknown size, or that are turned upright, and were excluded" in map(
        str, dataset.notes
    )
    (converted / "train_meta.csv").write_text("image_id,dim0,dim1\na,30,40\nb,30,40\n")
    assert read_collection("vinbigdata", converted).boxes.select("frame_width", "frame_height").unique().rows() == [
        (40, 30)
    ]


def test_a_table_with_the_originals_size_states_it_too(converted):
    lines = [HEADER + ",width,height", *(row + ",40,30" for row in ROWS)]
    (converted / "train.csv").write_text("\n".join(lines))
    assert read_collection("vinbigdata", converted).boxes.row(5)[:8] == (
        "b", "Interstitial Lung Disease", 0.0, 0.0, 40.0, 30.0, 40, 30,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "b,No finding,14,R9,1,1,2,2",
            "line 10: class_name is 'No finding', expected a box with every class except No fi",
        ),
        ("b,ILD,5,R9,,,,", "line 10: class_name is 'ILD', expected a box with every class except No finding"),
        ("b,Gout,5,R9,1,1,2,2", "line 10: class_name is 'Gout', expected one of Aortic enlargement"),
        ("b,ILD,5,,1,1,2,2", "line 10: rad_id is None"),
        ("/etc/passwd,ILD,5,R9,1,1,2,2", "line 10: image_id is '/etc/passwd'"),
        ("b,ILD,5,R9,1,1,one,2", "expected four numbers for each box; found others in line 10"),
        ("b,ILD,5,R9,1,31,4,35", "expected boxes on their images; found others in line 10"),
        ("q,ILD,5,R9,1,1,2,2", r"found 1 missing \(q\)"),
        ("c,ILD,5,R9,1,1,2,2", "found 1 missing"),
    ],
)
def test_a_wrong_line_is_named(native, line, message):
    (native / "train.csv").write_text("\n".join([HEADER, *ROWS, line]))
    with pytest.raises(HilumError, match=message):
        read_collection("vinbigdata", native)


def test_another_table_is_refused(native):
    (native / "train.csv").write_text("image_id,class_name\n")
    with pytest.raises(HilumError, match=r"not VinBigData's table\n  column 'rad_id': expected, but missing"):
        read_collection("vinbigdata", native)
    (native / "train.csv").unlink()
    with pytest.raises(HilumError, match=r"expected VinBigData's train.csv"):
        read_collection("vinbigdata", native)


def test_any_spelling_of_a_class_gives_the_same_codes_and_boxes(native):
    plain = read_collection("vinbigdata", native)
    spelt = [row.replace("No finding", "NO_FINDING").replace("Cardiomegaly", "cardiomegaly") for row in ROWS]
    spelt = [
        row.replace("ILD", "Interstitial Lung Disease").replace("Aortic enlargement", "aortic-enlargement")
        for row in spelt
    ]
    (native / "train.csv").write_text("\n".join([HEADER, *spelt]))
    again = read_collection("vinbigdata", native)
    assert again.manifest.equals(plain.manifest)
    assert again.boxes.equals(plain.boxes)
