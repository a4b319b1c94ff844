import numpy as np
import polars as pl
import pydicom
import pytest

from hilum.data.collections import read_collection
from hilum.errors import HilumError
from hilum.findings import labelled_by

NAMES = list(labelled_by("vindr_cxr").values())
IMAGE = np.arange(30 * 40, dtype=np.uint16).reshape(30, 40)
READERS = {"a": ("R1", "R2", "R9"), "b": ("R1", "R3", "R4")}
SEEN = {
    ("a", "R1"): {"Cardiomegaly", "Pneumonia"},
    ("a", "R2"): {"Cardiomegaly"},
    ("a", "R9"): {"Cardiomegaly", "Enlarged PA", "Pneumonia"},
    **{("b", reader): {"No finding"} for reader in READERS["b"]},
}


def row(image, reader, seen, names=NAMES):
    return ",".join([image, *([reader] if reader else []), *(str(int(name in seen)) for name in names)])


@pytest.fixture
def native(tmp_path, dicom):
    """Two training images with three readers each, one test image; images of 40 x 30 pixels."""
    for folder in ("train", "test", "annotations"):
        (tmp_path / folder).mkdir()
    dicom(IMAGE, "train/a.dicom", PatientSex="F", PatientAge="061Y", PatientID="not to be used")
    dicom(IMAGE, "train/b.dicom", PatientSex="O", ViewPosition="AP")
    dicom(IMAGE, "test/c.dicom", PatientSex="M")
    write(
        tmp_path, "image_labels_train", ["image_id,rad_id," + ",".join(NAMES)] + [row(*key, SEEN[key]) for key in SEEN]
    )
    tested = [name.replace("Other diseases", "Other disease") for name in NAMES]
    found = {"ILD", "Other disease"}
    write(tmp_path, "image_labels_test", ["image_id," + ",".join(tested), row("c", None, found, tested)])
    boxes = ["image_id,rad_id,class_name,x_min,y_min,x_max,y_max", "a,R1,Cardiomegaly,1.5,2,21.5,12"]
    boxes += [
        "a,R2,Cardiomegaly,2,2,20,12",
        "a,R9,Enlarged PA,30,5,44,9",
        *(f"b,{who},No finding,,,," for who in "XYZ"),
    ]
    write(tmp_path, "annotations_train", boxes)
    write(tmp_path, "annotations_test", ["image_id,class_name,x_min,y_min,x_max,y_max", "c,ILD,0,0,40,30"])
    return tmp_path


def write(root, name, lines):
    (root / "annotations" / f"{name}.csv").write_text("\n".join(lines) + "\n")


def edit(root, name, old, new):
    path = root / "annotations" / f"{name}.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_readers_agree_disagree_or_see_nothing(native):
    manifest = read_collection("vindr_cxr", native).manifest
    assert manifest["image_id"].to_list() == ["a", "b", "c"]
    assert manifest["Cardiomegaly"].to_list() == [1, 0, 0]
    assert manifest["Pneumonia"].to_list() == [-1, 0, 0]
    assert manifest["Enlarged Pulmonary Artery"].to_list() == [-1, 0, 0]
    assert manifest["No Finding"].to_list() == [0, 1, 0]
    assert manifest["Interstitial Lung Disease"].to_list() == [0, 0, 1]
    assert manifest["Other Disease"].to_list() == [0, 0, 1]
    assert manifest.select(list(labelled_by("vindr_cxr"))).null_count().sum_horizontal().item() == 0
    assert len(labelled_by("vindr_cxr")) == 28


def test_every_reader_keeps_their_own_codes(native):
    readings = read_collection("vindr_cxr", native).readings
    assert len(readings) == 6 * 28
    seen = readings.filter(pl.col("code") == 1)
    assert set(seen.select("image_id", "reader", "finding").rows()) >= {
        ("a", "R9", "Enlarged Pulmonary Artery"),
        ("a", "R1", "Pneumonia"),
    }
    # at least two of three, as study 4 counts
    votes = (
        readings.filter(pl.col("finding").is_in(["Pneumonia", "Enlarged Pulmonary Artery"]))
        .group_by("image_id", "finding")
        .agg(pl.col("code").sum() >= 2)
    )
    assert votes.filter("code").select("image_id", "finding").rows() == [("a", "Pneumonia")]


def test_people_come_from_the_header_and_are_nobody_known(native):
    dataset = read_collection("vindr_cxr", native)
    columns = dataset.manifest.select("patient_id", "view", "age", "sex", "split", "path").rows()
    assert columns == [
        ("a", "PA", 61.0, "F", "train", "train/a.dicom"),
        ("b", "AP", None, None, "train", "train/b.dicom"),
        ("c", "PA", None, "M", "test", "test/c.dicom"),
    ]
    assert "no patients are published: each image counts as its own patient" in map(str, dataset.notes)
    assert "not to be used" not in str(dataset)


def test_boxes_have_their_readers_and_their_images_frame_and_are_cut_at_its_edge(native):
    dataset = read_collection("vindr_cxr", native)
    assert dataset.boxes.rows() == [
        ("a", "Cardiomegaly", 1.5, 2.0, 20.0, 10.0, 40, 30, "R1"),
        ("a", "Cardiomegaly", 2.0, 2.0, 18.0, 10.0, 40, 30, "R2"),
        ("a", "Enlarged Pulmonary Artery", 30.0, 5.0, 10.0, 4.0, 40, 30, "R9"),
        ("c", "Interstitial Lung Disease", 0.0, 0.0, 40.0, 30.0, 40, 30, None),
    ]
    assert "1 boxes of annotations_train.csv extend beyond their images and were clipped" in map(str, dataset.notes)


def test_the_other_spelling_of_the_readers_column_is_read(native):
    before = read_collection("vindr_cxr", native)
    edit(native, "image_labels_train", "rad_id", "rad_ID")
    assert read_collection("vindr_cxr", native).manifest.equals(before.manifest)
    edit(native, "image_labels_train", "rad_ID,Aortic enlargement", "rad_ID,rad_id")
    with pytest.raises(HilumError, match="column 'Aortic enlargement': expected, but missing"):
        read_collection("vindr_cxr", native)


@pytest.mark.parametrize(
    ("table", "old", "new", "message"),
    [
        (
            "image_labels_train",
            "b,R3",
            "b,R1",
            r"line 5: image_id is 'b', expected the name of an image, once per reader",
        ),
        (
            "image_labels_train",
            "b,R3",
            "../../etc/passwd,R3",
            r"line 6: image_id is '../../etc/passwd', expected the na",
        ),
        ("image_labels_train", "b,R3", "b,", "line 6: reader is None, expected a reader"),
        ("image_labels_train", "b,R3,0", "b,R3,2", "line 6: Aortic enlargement is '2', expected 0 or 1"),
        ("image_labels_train", "b,R3,0", "b,R3,nan", "line 6: Aortic enlargement is 'nan', expected 0 or 1"),
        ("image_labels_train", ",ILD,", ",Pneumonia,", "column 'ILD': expected, but missing"),
        ("image_labels_train", ",Other diseases,", ",Others,", "expected a column 'Other diseases'"),
        ("image_labels_train", "rad_id", "who", "expected a column 'reader'; found none"),
        ("image_labels_test", "c,", "a,", "in train or in test; found a in both"),
        (
            "annotations_train",
            "1.5,2,21.5,12",
            "1.5,2,21.5,",
            "expected four numbers for each box; found others in line 2",
        ),
        (
            "annotations_train",
            "1.5,2,21.5,12",
            "1.5,2,inf,12",
            "expected four numbers for each box; found others in line 2",
        ),
        ("annotations_train", "1.5,2,21.5,12", "9,2,9,12", "expected a width and a height above 0; .* in line 2"),
        ("annotations_train", "1.5,2,21.5,12", "60,2,70,12", "expected boxes on their images; found others in line 2"),
        ("annotations_train", "R2,Cardiomegaly", "R2,Cardiomegaloo", "Did you mean 'Cardiomegaly'"),
    ],
)
def test_a_wrong_line_is_named(native, table, old, new, message):
    edit(native, table, old, new)
    with pytest.raises(HilumError, match=message):
        read_collection("vindr_cxr", native, allow_missing=True)


def test_missing_images_are_refused_or_kept_without_path_and_boxes(native):
    (native / "train" / "a.dicom").unlink()
    with pytest.raises(HilumError, match=r"expected a file train/\*.dicom for every image.*found 1 missing \(a\)"):
        read_collection("vindr_cxr", native)
    dataset = read_collection("vindr_cxr", native, allow_missing=True)
    assert dataset.manifest["path"].to_list() == [None, "train/b.dicom", "test/c.dicom"]
    assert dataset.manifest["Cardiomegaly"].to_list() == [1, 0, 0]
    assert dataset.boxes["image_id"].to_list() == ["c"]
    assert "3 boxes are on images of unknown size, or that are turned upright, and were excluded" in map(
        str, dataset.notes
    )


def test_unreadable_images_are_set_aside_with_their_readings_and_boxes(native):
    (native / "train" / "a.dicom").write_bytes(b"no image at all, only words")
    dataset = read_collection("vindr_cxr", native)
    assert dataset.rejected.select("image_id", "path").rows() == [("a", "train/a.dicom")]
    assert dataset.manifest["image_id"].to_list() == ["b", "c"]
    assert dataset.readings["image_id"].unique().to_list() == ["b"]
    assert dataset.boxes["image_id"].to_list() == ["c"]
    assert "1 files could not be read and were excluded (rejected.parquet)" in map(str, dataset.notes)


def test_links_out_of_the_root_are_not_followed(native, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "a.dicom"
    (native / "train" / "a.dicom").rename(elsewhere)
    (native / "train" / "a.dicom").symlink_to(elsewhere)
    with pytest.raises(HilumError, match=r"found 1 missing \(a\)"):
        read_collection("vindr_cxr", native)


def test_half_a_data_set_is_refused_or_read_as_far_as_it_goes(native):
    (native / "annotations" / "image_labels_test.csv").unlink()
    with pytest.raises(HilumError, match=r"found 1 missing \(annotations/image_labels_test.csv\)"):
        read_collection("vindr_cxr", native)
    assert read_collection("vindr_cxr", native, allow_missing=True).manifest["split"].unique().to_list() == ["train"]
    (native / "annotations" / "image_labels_train.csv").unlink()
    with pytest.raises(HilumError, match=r"found neither. Get VinDr-CXR"):
        read_collection("vindr_cxr", native, allow_missing=True)


def test_images_and_boxes_without_a_row_are_counted(native, dicom):
    dicom(IMAGE, "train/z.dicom")
    edit(native, "annotations_train", "a,R2,", "q,R2,")
    (native / "annotations" / "annotations_test.csv").unlink()
    notes = list(map(str, read_collection("vindr_cxr", native).notes))
    assert "1 image files have no row in image_labels_train.csv and were excluded" in notes
    assert (
        "1 boxes of annotations_train.csv are on images that are missing or were not read, and were excluded" in notes
    )
    assert "no annotations/annotations_test.csv here: no boxes" in notes


def test_boxes_on_images_that_are_turned_upright_are_left_out(native):
    path = native / "train" / "a.dicom"
    image = pydicom.dcmread(path)
    image.PatientOrientation = ["R", "F"]  # stored mirrored
    image.save_as(path)
    dataset = read_collection("vindr_cxr", native)
    assert "a" not in dataset.boxes["image_id"].to_list()
    assert "a" in dataset.manifest["image_id"].to_list()
