import numpy as np
import polars as pl

from hilum.data.collections.image_files import ImageFiles, note_unlisted_files
from hilum.data.collections.native_images import images_in, with_headers
from hilum.notes import Note
from hilum.progress import silent

IMAGE = np.zeros((30, 40), np.uint16)


def test_images_are_named_without_their_suffix_sorted_and_once(tmp_path):
    for path in ("one/b.dicom", "one/a.dicom", "one/a.dcm", "one/c.txt", "one/.d.dcm", "two/a.dicom", "two/e.dcm"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    radiographs = images_in(ImageFiles(tmp_path), ["one", "two", "absent"], [".dicom", ".dcm"])
    assert radiographs.rows() == [("a", "one/a.dicom"), ("b", "one/b.dicom"), ("e", "two/e.dcm")]


def test_headers_are_read_and_unreadable_files_stated(tmp_path, dicom):
    dicom(IMAGE, "a.dcm", BurnedInAnnotation="YES", PatientSex="F", PatientAge="018M", ViewPosition="AP", PatientID="7")
    (tmp_path / "b.dcm").write_bytes(b"\0" * 200)
    radiographs = pl.DataFrame({"image_id": ["a", "b", "c", "d"], "path": ["a.dcm", "b.dcm", None, "gone.dcm"]})
    seen: list[tuple[int, int, str]] = []
    notes: list[Note] = []
    images, rejected, _ = with_headers(tmp_path, radiographs, lambda *message: seen.append(message), notes)
    assert list(map(str, notes)) == [
        "1 DICOM files: states burnt-in text, which may name the patient",
        "2 files could not be read and were excluded (rejected.parquet)",
    ]
    assert images.rows() == [("a", "a.dcm", "7", "AP", 1.5, "F", 40, 30), ("c", *[None] * 7)]
    assert rejected["image_id"].to_list() == ["b", "d"]
    assert all(rejected["reason"])
    assert seen[0] == (0, 3, "")


def test_no_images_have_no_headers(tmp_path):
    radiographs = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String})
    images, rejected, _ = with_headers(tmp_path, radiographs, silent, [])
    assert (len(images), len(rejected)) == (0, 0)


def test_files_without_a_row_are_counted(tmp_path):
    images, radiographs = pl.DataFrame({"image_id": ["a", "b"]}), pl.DataFrame({"image_id": ["a"]})
    notes: list[Note] = []
    note_unlisted_files(images, radiographs, tmp_path / "t.csv", notes)
    note_unlisted_files(radiographs, radiographs, tmp_path / "t.csv", notes)
    assert list(map(str, notes)) == ["1 image files have no row in t.csv and were excluded"]
