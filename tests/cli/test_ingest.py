import json

import cv2
import numpy as np
import polars as pl
import pytest
import typer
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian
from typer.testing import CliRunner

from hilum.cli.ingest import ingest
from hilum.data.manifest import read_manifest
from hilum.errors import HilumError


@pytest.fixture
def command():
    app = typer.Typer()
    app.command()(ingest)

    def run(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)

    return run


@pytest.fixture
def images(tmp_path):
    root = tmp_path / "images"
    root.mkdir()
    for number in range(4):
        cv2.imwrite(str(root / f"{number}.png"), np.full((8, 8), number, np.uint8))
    (root / "empty.png").write_bytes(b"")
    (tmp_path / "labels.csv").write_text(
        "image,patient_id,split,Effusion,Mass\n0.png,p,train,1,0\n1.png,p,train,1,1\n2.png,q,test,0,-1\n3.png,r,test,,0\n"
    )
    return root


def test_a_labelled_folder_leaves_a_manifest_and_its_counts(command, images, tmp_path):
    result = command("folder", images, "--labels", tmp_path / "labels.csv", "--out", tmp_path / "out", "--json")
    summary = json.loads(result.stdout)
    assert summary == {
        "collection": "folder",
        "images": 4,
        "labelled": 4,
        "patients": 3,
        "splits": {"train": {"images": 2, "patients": 1}, "test": {"images": 2, "patients": 2}},
        "findings": {
            "Pleural Effusion": {
                "native": "Pleural Effusion",
                "positive": 2,
                "single_label": 1,
                "uncertain": 0,
                "patients": 1,
                "boxes": 0,
                "by_split": {"train": 2, "test": 0},
            },
            "Mass": {
                "native": "Mass",
                "positive": 1,
                "single_label": 0,
                "uncertain": 1,
                "patients": 1,
                "boxes": 0,
                "by_split": {"train": 1, "test": 0},
            },
        },
        "boxes": 0,
        "notes": [
            {
                "code": "unreadable_files",
                "parameters": {"files": 1},
                "text": "1 files could not be read and were excluded (rejected.parquet)",
            }
        ],
        "warnings": [],
        "rejected": 1,
        "remarks": {},
    }
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "ingest.json",
        "manifest.parquet",
        "rejected.parquet",
    ]
    assert len(read_manifest(tmp_path / "out" / "manifest.parquet")) == 4
    assert pl.read_parquet(tmp_path / "out" / "rejected.parquet")["reason"].to_list() == ["empty file"]
    selected = json.loads((tmp_path / "out" / "ingest.json").read_text())
    assert selected["root"] == str(images.resolve())
    assert list(selected["sources"]) == ["labels.csv"]
    assert {name: selected[name] for name in summary} == summary


def test_windows_beside_all_values_are_counted_and_named(command, tmp_path):
    root = tmp_path / "films"
    root.mkdir()
    values = np.linspace(0, 4000, 32 * 32).astype(np.uint16).reshape(32, 32)
    for name, center in (("good", 2000), ("above", 60_000), ("below", -5_000)):
        header = Dataset()
        header.SOPClassUID, header.SOPInstanceUID, header.Modality = ComputedRadiographyImageStorage, "1.2.3", "CR"
        header.PatientID, header.WindowCenter, header.WindowWidth = name, str(center), "100"
        header.set_pixel_data(values, "MONOCHROME2", 12)
        header.file_meta = FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.save_as(root / f"{name}.dcm", enforce_file_format=True)
    summary = json.loads(command("folder", root, "--out", tmp_path / "out", "--json").stdout)
    assert summary["remarks"] == {"window_beside_values": 2}
    assert [each["text"] for each in summary["notes"]] == [
        "2 DICOM files: a window outside of all values: the image is constant. Preprocess with `window: full`, which "
        "ignores windows, or correct WindowCenter (0028,1050)."
    ]
    remarks = pl.read_parquet(tmp_path / "out" / "remarks.parquet")
    assert remarks.rows() == [("above.dcm", "window_beside_values"), ("below.dcm", "window_beside_values")]
    assert json.loads((tmp_path / "out" / "ingest.json").read_text())["remarks"] == {"window_beside_values": 2}


def test_people_see_counts_by_split_and_finding(command, images, tmp_path):
    result = command("folder", images, "--labels", tmp_path / "labels.csv", "--out", tmp_path / "out")
    words = [line.split() for line in result.stdout.splitlines()]
    assert "4 images of 3 patients" in result.stdout
    assert ["finding", "images", "alone", "patients", "uncertain", "train", "test"] in words
    assert ["Pleural", "Effusion", "2", "1", "1", "0", "2", "0"] in words
    assert ["Mass", "1", "0", "1", "1", "1", "0"] in words
    assert "- 1 files could not be read and were excluded (rejected.parquet)" in result.stdout


def test_a_second_ingest_takes_the_place_of_the_first(command, images, tmp_path):
    command("folder", images, "--out", tmp_path / "out")
    (images / "empty.png").unlink()
    command("folder", images, "--out", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["ingest.json", "manifest.parquet"]


def test_a_failure_leaves_nothing_half_written(command, images, tmp_path):
    (tmp_path / "labels.csv").write_text("image,Mass\n0.png,maybe\n")
    with pytest.raises(HilumError, match="found 'maybe'"):
        command("folder", images, "--labels", tmp_path / "labels.csv", "--out", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "labels.csv"]


def test_a_folder_with_other_things_in_it_is_not_replaced(command, images):
    with pytest.raises(HilumError, match="expected a new folder, or one to replace; found 5 other files"):
        command("folder", images, "--out", images)
    assert len(list(images.iterdir())) == 5


@pytest.mark.shared_data
def test_the_full_chestxray14_tables_are_reported(command, shared_data, tmp_path):
    root = shared_data / "chestxray14_metadata"
    result = command("chestxray14", root, "--allow-missing", "--out", tmp_path / "out", "--json")
    summary = json.loads(result.stdout)
    assert (summary["images"], summary["patients"], summary["boxes"]) == (112_120, 30_805, 984)
    assert summary["splits"]["train_val"]["images"] == 86_524
    assert summary["splits"]["test"]["images"] == 25_596
    effusion = summary["findings"]["Pleural Effusion"]
    assert (effusion["native"], effusion["single_label"], effusion["boxes"]) == ("Effusion", 3_955, 153)
    assert len(pl.read_parquet(tmp_path / "out" / "boxes.parquet")) == 984
