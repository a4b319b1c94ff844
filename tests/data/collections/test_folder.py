import os

import cv2
import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from hilum.data.collections import read_collection
from hilum.data.labels import LabelPolicy, targets
from hilum.data.paths import NOT_UTF8, is_utf8, printable
from hilum.data.preprocess import parse_recipe
from hilum.data.splits import parse_split
from hilum.data.store import build_store
from hilum.errors import HilumError
from hilum.notes import Code


@pytest.fixture
def root(tmp_path):
    """One PNG, one JPEG, one DICOM file, in folders."""
    root = tmp_path / "images"
    (root / "b").mkdir(parents=True)
    gray = cv2.resize(np.random.default_rng(0).integers(0, 256, (4, 4), dtype=np.uint8), (16, 16))
    cv2.imwrite(str(root / "b" / "two.PNG"), gray)
    cv2.imwrite(str(root / "one.jpg"), gray)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.Modality = "CR"
    dataset.PatientID, dataset.PatientAge, dataset.PatientSex, dataset.ViewPosition = "77", "062Y", "F", "PA"
    dataset.Rows = dataset.Columns = 16
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelData = 8, 8, 7, gray.tobytes()
    dataset.save_as(root / "b" / "IM0001", implicit_vr=False, little_endian=True)
    return root


def labels(root, text):
    path = root.parent / "labels.csv"
    path.write_text(text)
    return path


def test_an_unlabelled_folder_is_read_in_order_and_dicom_headers_tell_the_patient(root):
    dataset = read_collection("folder", root)
    assert dataset.manifest["image_id"].to_list() == ["b/IM0001", "b/two.PNG", "one.jpg"]
    assert dataset.manifest["path"].to_list() == dataset.manifest["image_id"].to_list()
    assert dataset.manifest.row(0)[2:] == ("77", None, "PA", 62.0, "F", None, False, True)
    assert dataset.manifest["patient_known"].to_list() == [True, False, False]
    assert dataset.manifest["patient_id"].to_list() == ["77", "b/two.PNG", "one.jpg"]
    assert list(map(str, dataset.notes)) == ["2 images have no patient id: each counts as its own patient"]
    store = build_store(dataset.manifest, root, parse_recipe([{"resize": 8}]), root.parent / "store")
    assert len(store.image_ids) == 3


def test_labels_are_joined_by_path_name_or_stem_and_headers_fill_what_they_leave_blank(root):
    path = labels(
        root,
        "Image,Patient ID,Age,Sex,Effusion,pneumonia,hospital\n"
        "b/two.PNG,p1,40,female,1,-1,X\n"
        "one,p2,,M,0,,Y\n"
        "IM0001,,,,0.0,1.0,\n",
    )
    dataset = read_collection("folder", root, labels=path)
    manifest = dataset.manifest
    assert manifest.select("image_id", "path", "patient_id", "age", "sex", "Pleural Effusion", "Pneumonia").rows() == [
        ("b/two.PNG", "b/two.PNG", "p1", 40.0, "F", 1, -1),
        ("one", "one.jpg", "p2", None, "M", 0, None),
        ("IM0001", "b/IM0001", "77", 62.0, "F", 0, 1),
    ]
    assert manifest["patient_known"].to_list() == [True, True, False]  # 77 is no id of the kind p1, p2
    assert (
        str(dataset.notes[0])
        == "columns of labels.csv that are not findings of Hilum's vocabulary were ignored: hospital"
    )
    assert list(dataset.sources) == ["labels.csv"]


def test_labels_may_are_in_the_folder_itself(root):
    (root / "labels.csv").write_text("filename,Mass\none.jpg,1\n")
    dataset = read_collection("folder", root, labels=root.__class__("labels.csv"))
    assert dataset.manifest["Mass"].to_list() == [1, None, None]
    assert dataset.manifest["labelled"].to_list() == [True, False, False]
    assert list(map(str, dataset.notes)) == [
        "files that are not images, and were skipped: 1",
        "2 images have no patient id: each counts as its own patient",
        "2 of 3 images have no label in labels.csv and are used for pretraining only",
    ]


def test_unreadable_files_are_set_aside_and_counted(root, tmp_path):
    (root / "empty.png").write_bytes(b"")
    (root / "text.png").write_text("a text file, whatever its name says")
    (root / "broken.dcm").write_bytes(bytes(128) + b"DICM" + b"rubbish")
    (root / ".hidden.png").write_bytes(b"")
    (root / "README").write_text("no image")
    (tmp_path / "secret.png").write_bytes((root / "one.jpg").read_bytes())
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "inner.png").symlink_to(root / "b" / "two.PNG")
    (root / "elsewhere").symlink_to(tmp_path)
    dataset = read_collection("folder", root)
    assert dataset.manifest["path"].to_list() == ["b/IM0001", "b/two.PNG", "inner.png", "one.jpg"]
    reasons = dict(dataset.rejected.select("path", "reason").iter_rows())
    assert reasons == {
        "broken.dcm": "a broken DICOM file, or one without an image",
        "empty.png": "empty file",
        "text.png": "a text file",
        "link.png": "a link out of the folder",
    }
    assert "4 files could not be read and were excluded (rejected.parquet)" in map(str, dataset.notes)
    path = labels(root, "image,Mass\none.jpg,1\nempty.png,1\n")
    images = read_collection("folder", root, labels=path).manifest
    assert images.filter("labelled")["image_id"].to_list() == ["one.jpg"]
    assert images["image_id"].to_list() == ["one.jpg", "b/IM0001", "b/two.PNG", "inner.png"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,Mass\none.jpg,1\n", "header: expected a column that names the image.*found 'name', 'Mass'. Rename"),
        ("image,Mass,Mass\none.jpg,1,0\n", "column 'Mass': expected once, found 2 times"),
        ("image,Mass\none.jpg,1\none.jpg,0\n", "line 2 and 3: expected every image once, found 'one.jpg' again"),
        ("image,Mass,mass\none.jpg,1,1\n", "column 'mass': expected one column for Mass, found a second"),
        ("image,Mass\none.jpg,maybe\n", "line 2, column 'Mass': expected 1, 0, -1 or blank, found 'maybe'"),
        ("image,Mass\n,1\n", "line 2, column 'image': expected a file, found None"),
        ("image,age\none.jpg,old\n", "line 2, column 'age': expected years, such as 62, 062Y or 007M, found 'old'"),
        ("image,sex\none.jpg,x\n", "line 2, column 'sex': expected F or M, found 'x'"),
        ("image,split\none.jpg,third\n", "line 2, column 'split': expected one of train, val, test, train_val"),
        (
            "image,Mass\none.jpg,1\nnobody.png,1\n",
            r"expected a file for every row; .*for 1 \(nobody.png\).*--allow-missing",
        ),
        ("image,Mass\none.jpg,1\none,0\n", "expected one row for each file; found several: one.jpg, one"),
        ("", "expected a column that names the image.*found no column"),
        ("image,patient_id,split\none.jpg,p,train\nb/two.PNG,p,test\n", "split: .*found patient p in test and train"),
    ],
)
def test_a_wrong_csv_is_refused_with_line_and_column(root, text, message):
    with pytest.raises(HilumError, match=message):
        read_collection("folder", root, labels=labels(root, text))


def test_all_wrong_values_are_reported_at_once(root):
    path = labels(root, "image,age,sex,Mass\none.jpg,old,x,2\n")
    with pytest.raises(HilumError, match="3 problems, correct the table; nothing was read"):
        read_collection("folder", root, labels=path)


def test_of_many_wrong_values_three_are_named_and_the_others_counted(root):
    path = labels(root, "image,Mass\n" + "".join(f"{number}.jpg,'0,0'\n".replace("'", '"') for number in range(1200)))
    with pytest.raises(HilumError, match="and 1,197 more lines, column 'Mass': expected 1, 0, -1 or blank"):
        read_collection("folder", root, labels=path)


def test_rows_without_a_file_may_be_allowed(root):
    path = labels(root, "image,Mass,age\none.jpg,1,130\nnobody.png,1,50\n")
    dataset = read_collection("folder", root, labels=path, allow_missing=True)
    assert dataset.manifest["path"].to_list() == ["one.jpg", None, "b/IM0001", "b/two.PNG"]
    assert dataset.manifest["age"].to_list()[:2] == [None, 50.0]
    assert "1 ages below 0 or beyond 120 years were set to blank" in map(str, dataset.notes)
    assert "1 rows of labels.csv have no file; allowed (nobody.png)" in map(str, dataset.notes)
    assert "2 of 4 images have no label in labels.csv and are used for pretraining only" in map(str, dataset.notes)


def test_an_id_of_its_own_may_stand_beside_the_path(root):
    path = labels(root, "image_id,path,Mass\nfirst,one.jpg,1\nIM0001,,0\n")
    manifest = read_collection("folder", root, labels=path).manifest
    assert manifest.select("image_id", "path").rows() == [
        ("first", "one.jpg"), ("IM0001", "b/IM0001"), ("b/two.PNG", "b/two.PNG"),
    ]  # fmt: skip


def test_an_id_that_is_the_path_of_another_image_leaves_both(root):
    path = labels(root, "image_id,path,Mass\nb/two.PNG,one.jpg,1\n")
    manifest = read_collection("folder", root, labels=path).manifest
    assert manifest.select("image_id", "path", "labelled").rows() == [
        ("b/two.PNG", "one.jpg", True), ("b/IM0001", "b/IM0001", False), ("./b/two.PNG", "b/two.PNG", False),
    ]  # fmt: skip


def test_rows_that_say_nothing_are_unlabelled_and_never_negative(root):
    path = labels(root, "image,patient_id,Mass,Edema\none.jpg,p1,1,\nb/two.PNG,p2,,\n")
    manifest = read_collection("folder", root, labels=path).manifest
    assert manifest.select("image_id", "labelled").rows() == [
        ("one.jpg", True), ("b/two.PNG", False), ("b/IM0001", False),
    ]  # fmt: skip
    ids, values = targets(manifest, ["Mass", "Edema"], LabelPolicy(not_mentioned="zero"))
    assert ids == ["one.jpg"]  # of whom Edema is not mentioned, which the policy reads as absent
    assert values.tolist() == [[1, 0]]
    with pytest.raises(HilumError, match="enough patients"):  # one labelled patient is not enough, whatever the others
        parse_split(manifest, "patients")


def test_a_name_that_several_files_share_needs_the_path(root):
    (root / "b" / "one.jpg").write_bytes((root / "one.jpg").read_bytes())
    # "one.jpg" is the whole path of one of them, "one" could be either
    manifest = read_collection("folder", root, labels=labels(root, "image\none.jpg\n")).manifest
    assert manifest["path"][0] == "one.jpg"
    with pytest.raises(HilumError, match="found none, or several of that name, for 1"):
        read_collection("folder", root, labels=labels(root, "image\none\n"))


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(HilumError, match="expected PNG, JPEG or DICOM images; found none"):
        read_collection("folder", tmp_path)
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 8), np.uint8))
    with pytest.raises(HilumError, match=r"labels.csv: expected a CSV of labels; found no such file"):
        read_collection("folder", tmp_path, labels=tmp_path / "labels.csv")


@pytest.mark.shared_data
def test_real_images_of_many_makers_are_read_and_stored(shared_data, tmp_path):
    root = shared_data / "cxr_formats"
    dataset = read_collection("folder", root)
    assert len(dataset.manifest) == 25
    assert dataset.manifest["patient_id"].n_unique() == 24  # the two DICOM files are of one patient
    assert dataset.manifest.drop_nulls("age").select("view", "age", "sex").unique().rows() == [("PA", 62.0, "M")]
    assert str(dataset.notes[1]) == "2 DICOM files: a secondary capture: gray levels may have been lost"
    store = build_store(dataset.manifest, root, parse_recipe([{"square": "pad"}, {"resize": 64}]), tmp_path / "store")
    assert store.pixels.shape == (25, 64, 64)
    assert pl.Series(store.pixels.reshape(25, -1).std(axis=1)).min() > 15


def test_content_decides_what_a_file_is(root):
    dicom = (root / "b" / "IM0001").read_bytes()
    for name in ("1.2.840.113619.2.5.176.215.63.78", "CR.1.2.392.200036.9125.4", "image.img", "b/image.csv"):
        (root / name).write_bytes(dicom)
    (root / "scan.jfif").write_bytes((root / "one.jpg").read_bytes())
    (root / "notes.1.2.3").write_text("no image")
    dataset = read_collection("folder", root)
    assert dataset.manifest["path"].to_list() == [
        "1.2.840.113619.2.5.176.215.63.78",
        "CR.1.2.392.200036.9125.4",
        "b/IM0001",
        "b/image.csv",
        "b/two.PNG",
        "image.img",
        "one.jpg",
        "scan.jfif",
    ]
    assert dataset.manifest["patient_id"].to_list().count("77") == 5
    assert "files that are not images, and were skipped: 1" in map(str, dataset.notes)
    path = labels(root, "image,Mass\n1.2.840.113619.2.5.176.215.63.78,1\nimage.img,0\n")
    assert read_collection("folder", root, labels=path).manifest["Mass"].drop_nulls().to_list() == [1, 0]


def test_broken_dicom_of_any_name_is_set_aside_and_not_skipped(root):
    (root / "1.2.3").write_bytes((root / "b" / "IM0001").read_bytes()[:300])
    rejected = read_collection("folder", root).rejected
    assert rejected["path"].to_list() == ["1.2.3"]


def test_kinds_that_are_not_read_are_reported_and_counted(root):
    image = Image.open(root / "one.jpg")
    for name in ("a.tif", "b.tiff", "c.bmp", "d.webp", "e.jp2"):
        image.save(root / name)
    dataset = read_collection("folder", root)
    assert len(dataset.manifest) == 3
    assert (
        "kinds that Hilum does not read: 1 BMP file, 1 JPEG 2000 file, 2 TIFF files, 1 WebP file; convert them to PNG, or get"
        " the originals"
    ) in map(str, dataset.notes)
    assert (
        dict(dataset.rejected.select("path", "reason").iter_rows())["a.tif"] == "a TIFF file, which Hilum does not read"
    )
    path = labels(root, "image,Mass\none.jpg,1\na.tif,1\n")
    assert read_collection("folder", root, labels=path).manifest["Mass"].drop_nulls().to_list() == [1]
    for name in ("one.jpg", "b/two.PNG", "b/IM0001"):
        (root / name).unlink()
    with pytest.raises(HilumError, match=r"none \(5 files rejected: a TIFF file, which Hilum does not read \(2\)"):
        read_collection("folder", root)


def test_exif_orientation_is_counted_at_ingest(root):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(root / "one.jpg").convert("L")
    for name in ("turned.jpg", "turned.png"):
        image.save(root / name, exif=exif)
    message = "2 JPEG or PNG files: has an EXIF orientation, which was applied"
    assert message in map(str, read_collection("folder", root).notes)


NAME = st.binary(min_size=1, max_size=40).filter(lambda name: not set(name) & set(b"/\0") and not name.startswith(b"."))


@given(name=NAME, ending=st.sampled_from([b"", b".png", b".PNG", b".txt"]), within=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_image_of_any_name_is_read_or_set_aside_and_the_rest_is_read(root, tmp_path, name, ending, within):
    content = cv2.imencode(".png", np.eye(8, dtype=np.uint8) * 255)[1].tobytes()
    place = root / os.fsdecode(name + ending)
    assume(not place.exists())  # the folder has a `b`
    if within:
        place.mkdir()
        place /= "a.png"
    place.write_bytes(content)
    path = os.path.relpath(place, root)
    try:
        dataset = read_collection("folder", root)
        dataset.manifest.write_parquet(tmp_path / "manifest.parquet")
        dataset.rejected.write_parquet(tmp_path / "rejected.parquet")
        assert len(dataset.manifest) + len(dataset.rejected) == 4
        if is_utf8(path):
            assert path in dataset.manifest["path"].to_list()
        else:
            assert dataset.rejected.select("path", "reason").rows() == [(printable(path), NOT_UTF8)]
    finally:
        place.unlink()
        if within:
            place.parent.rmdir()


def test_a_text_file_of_any_name_is_skipped(root):
    (root / os.fsdecode(b"caf\xe9.txt")).write_text("no image")
    dataset = read_collection("folder", root)
    assert len(dataset.rejected) == 0
    assert "files that are not images, and were skipped: 1" in map(str, dataset.notes)


def test_a_root_whose_path_is_not_utf8_is_refused_by_a_printable_name(root, tmp_path):
    other = root.rename(tmp_path / os.fsdecode(b"im\xe1genes"))
    with pytest.raises(HilumError, match=r"im\\xe1genes: expected a folder whose path is UTF-8") as caught:
        read_collection("folder", other)
    str(caught.value).encode()


def test_a_patient_of_header_and_table_is_one_whatever_the_zeros(root):
    path = labels(root, "image,patient_id,Mass\none.jpg,0077,1\nb/IM0001,,0\n")
    dataset = read_collection("folder", root, labels=path)
    assert dataset.manifest.filter(pl.col("patient_known"))["patient_id"].to_list() == ["77", "77"]
    assert [note for note in map(str, dataset.notes) if note.startswith("1 patients have several spellings")]
    path = labels(root, "image,patient_id,split,Mass\none.jpg,77.0,train,1\nb/IM0001,,test,0\n")
    with pytest.raises(HilumError, match=r"found patient 77 in test and train \(one patient, .*: 77 = 77.0\)"):
        read_collection("folder", root, labels=path)


@pytest.mark.parametrize("column", ["split", "Fold", "set", "partition", "subset"])
def test_words_for_splits_and_unknown_values_are_understood(root, column):
    path = labels(
        root,
        f"image,Patient,age,sex,{column},Mass,Nodule\n"
        "one.jpg,n/a,007M,n/a,Training,NA,true\n"
        "b/two.PNG,NA,n/a,Female,valid,no,0\n"
        "b/IM0001,unknown,62 Y,O,TEST,1.0,-1\n",
    )
    manifest = read_collection("folder", root, labels=path).manifest
    assert manifest["split"].to_list() == ["train", "val", "test"]
    assert manifest["age"].to_list() == pytest.approx([7 / 12, None, 62])
    assert manifest["sex"].to_list() == [None, "F", "F"]  # the last one of the header
    assert manifest["patient_id"].to_list() == ["one.jpg", "b/two.PNG", "77"]
    assert manifest.select("Mass", "Nodule").rows() == [(None, 1), (0, 0), (1, -1)]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("fold", "3", "'fold' may be a split: if so, rename it to split and use train, val or test"),
        ("MRN", "17", "'MRN' may contain patients: if so, rename it to patient_id"),
        ("PatNr", "17", "'PatNr' may contain patients: if so, rename it to patient_id"),
        ("Label", "Pneumonia", "'Label' may contain labels: if so, use one column for each finding, with 1 and 0"),
    ],
)
def test_a_column_that_is_left_out_and_looks_like_more_is_named(root, column, value, message):
    path = labels(root, f"image,{column},Mass\none.jpg,{value},1\n")
    dataset = read_collection("folder", root, labels=path)
    assert f"column {message}" in map(str, dataset.notes)
    assert dataset.manifest.filter(pl.col("labelled"))["split"].to_list() == [None]


def test_patient_ids_that_a_spreadsheet_rounded_are_reported(root):
    path = labels(root, "image,patient_id,Mass\none.jpg,2.24E+14,1\nb/two.PNG,E12,0\n")
    (warning,) = read_collection("folder", root, labels=path).warnings
    assert warning.code is Code.ROUNDED_PATIENT_IDS
    assert "patient ids of 1 images were rounded by a spreadsheet (2.24E+14)" in str(warning)


def test_a_parquet_table_of_labels_says_the_same(root, tmp_path):
    text = "image,patient_id,age,split,Mass\none.jpg,7,40,train,1\nb/two.PNG,8,,test,0\n"
    plain = read_collection("folder", root, labels=labels(root, text)).manifest
    table = pl.DataFrame(
        {
            "image": ["one.jpg", "b/two.PNG"],
            "patient_id": [7.0, 8.0],
            "age": pl.Series([40, None], dtype=pl.Int16),
            "split": pl.Series(["train", "test"], dtype=pl.Categorical),
            "Mass": [True, False],
            "scan": [[1], [2]],
        }
    )
    table.write_parquet(tmp_path / "labels.parquet")
    assert read_collection("folder", root, labels=tmp_path / "labels.parquet").manifest.equals(plain)
    table.with_columns(pl.Series("Mass", [[1], [0]])).write_parquet(tmp_path / "labels.parquet")
    with pytest.raises(HilumError, match="column 'Mass': expected text or numbers, found lists"):
        read_collection("folder", root, labels=tmp_path / "labels.parquet")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image;Mass\none.jpg;1\n", "expected fields separated by commas; found semicolons"),
        ("image\tMass\none.jpg\t1\n", "expected fields separated by commas; found tabs"),
        ("image,Mass,Comment\none.jpg,1,small, left\n", "line 2: expected 3 fields, as in the header; found 4"),
        ('image,Mass\n"one.jpg,1\n', "found an unclosed quote in line 2"),
    ],
)
def test_a_table_that_is_divided_otherwise_is_refused_for_that(root, text, message):
    with pytest.raises(HilumError, match=message):
        read_collection("folder", root, labels=labels(root, text))


def test_a_comma_at_the_end_of_rows_does_no_harm(root):
    path = labels(root, "image,Mass\none.jpg,1,\n")
    assert read_collection("folder", root, labels=path).manifest["Mass"].drop_nulls().to_list() == [1]
