import csv
import io
from pathlib import Path

import cv2
import numpy as np
import pytest

from hilum.data.collections import read_collection
from hilum.errors import HilumError
from hilum.findings import CHESTXRAY14
from hilum.phantom import write_layout
from hilum.phantom.layouts.chestxray14 import chexnet_list, official_list
from hilum.phantom.population import population_images

# first lines of Data_Entry_2017_v2020.csv and BBox_List_2017.csv as the NIH distributes them
NIH_ENTRY_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
NIH_BOX_HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"
NIH_BOXED = {
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltrate", "Mass", "Nodule", "Pneumonia", "Pneumothorax",
}  # fmt: skip
NIH_NAMES = {name.replace("Pleural E", "E").replace(" ", "_") for name in CHESTXRAY14}


@pytest.fixture(scope="module")
def written(generated) -> Path:
    return generated("chestxray14")[0]


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def entries(root: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO((root / "Data_Entry_2017_v2020.csv").read_text())))[1:]


def test_the_folder_has_the_native_files_and_no_others_but_the_hidden_mark_of_generated_ones(written):
    assert sorted(path.name for path in written.iterdir()) == [
        ".hilum-phantom.json",
        "BBox_List_2017.csv",
        "Data_Entry_2017_v2020.csv",
        "chexnet_split",
        "images",
        "test_list.txt",
        "train_val_list.txt",
    ]
    assert sorted(path.name for path in (written / "chexnet_split").iterdir()) == [
        "test_list.txt",
        "train_list.txt",
        "val_list.txt",
    ]
    assert len(list((written / "images").iterdir())) == 36


def test_tables_begin_with_the_native_headers_and_use_the_native_names(written):
    assert (written / "Data_Entry_2017_v2020.csv").read_text().splitlines()[0] == NIH_ENTRY_HEADER
    assert (written / "BBox_List_2017.csv").read_text().splitlines()[0] == NIH_BOX_HEADER
    labels = {name for row in entries(written) for name in row[1].split("|")}
    assert labels <= NIH_NAMES | {"No Finding"}
    assert len(labels) > 8
    for row in entries(written):
        assert len(row) == 11
        assert row[0] == f"{int(row[3]):08d}_{int(row[2]):03d}.png"


@pytest.mark.shared_data
def test_tables_begin_as_the_real_ones_do(written, shared_data):
    for name in ("Data_Entry_2017_v2020.csv", "BBox_List_2017.csv"):
        real, generated = (
            (root / name).read_text().splitlines()[0] for root in (shared_data / "chestxray14_sample", written)
        )
        assert generated == real


def test_the_reader_of_the_real_collection_reads_it(written):
    dataset = read_collection("chestxray14", written)
    population = {image.image_id: image for image in population_images(0, 36)}
    assert set(dataset.manifest["image_id"]) == set(population)
    for row in dataset.manifest.iter_rows(named=True):
        image = population[row["image_id"]]
        assert {finding for finding in CHESTXRAY14 if row[finding] == 1} == set(image.severities)
        assert (row["age"], row["sex"], row["view"]) == (image.age, image.sex, image.view)
    assert dataset.boxes is not None
    assert set(dataset.boxes["finding"]) <= set(CHESTXRAY14)


def test_boxes_are_of_the_native_findings_are_in_the_frame_and_belong_to_positive_images(written):
    labels = {row[0]: row[1].split("|") for row in entries(written)}
    lines = (written / "BBox_List_2017.csv").read_text().splitlines()[1:]
    assert lines
    for line in lines:
        name, finding, *numbers = line.split(",")
        assert finding in NIH_BOXED
        assert finding.replace("Infiltrate", "Infiltration") in labels[name]
        x, y, width, height = map(float, numbers)
        assert 0 <= x < x + width <= 1024
        assert 0 <= y < y + height <= 1024


def test_images_are_8_bit_gray_and_of_the_size_asked_for(written):
    for path in (written / "images").iterdir():
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert pixels.dtype == np.uint8
        assert pixels.shape == (32, 32)


def test_lists_divide_all_images_by_patient(written):
    names = {row[0] for row in entries(written)}
    official = [set((written / f"{split}_list.txt").read_text().split("\n")) for split in ("train_val", "test")]
    lines = [(written / "chexnet_split" / f"{split}_list.txt").read_text().splitlines()
             for split in ("train", "val", "test")]  # fmt: skip
    chexnet = [{line.split()[0] for line in part} for part in lines]
    for parts in (official, chexnet):
        assert set().union(*parts) == names
        assert sum(map(len, parts)) == len(names)
        patients = [{name[:8] for name in part} for part in parts]
        assert sum(map(len, patients)) == len(set().union(*patients))
    labels = {row[0]: row[1].replace("Effusion", "Pleural Effusion").replace("_", " ").split("|")
              for row in entries(written)}  # fmt: skip
    for line in (line for part in lines for line in part):
        name, *codes = line.split()
        assert codes == [str(int(finding in labels[name])) for finding in CHESTXRAY14]


def test_lists_take_about_the_native_shares_of_the_patients_and_are_independent():
    patients = range(1, 1301)
    official = np.array([official_list(0, patient) == "test" for patient in patients])
    chexnet = np.array([chexnet_list(0, patient) for patient in patients])
    assert official.mean() == pytest.approx(3 / 13)
    assert [(chexnet == split).mean() for split in ("train", "val", "test")] == pytest.approx([0.7, 0.1, 0.2])
    assert official[chexnet == "test"].mean() == pytest.approx(3 / 13, abs=0.08)


def test_files_do_not_depend_on_the_number_of_workers(written, anew, tmp_path):
    write_layout("chestxray14", tmp_path / "images", images=36, size=32, seed=0, workers=2)
    assert contents(tmp_path / "images") == contents(written)


def test_images_of_a_smaller_collection_are_the_first_of_a_larger_one(written, anew, tmp_path):
    write_layout("chestxray14", tmp_path / "images", images=12, size=32, seed=0)
    larger = contents(written)
    for name, data in contents(tmp_path / "images").items():
        if name.startswith("images"):
            assert data == larger[name]
    rows = entries(tmp_path / "images")
    assert rows == entries(written)[:12]
    assert [row[0] for row in rows] == [image.image_id for image in population_images(0, 12)]


def test_an_interrupted_run_leaves_nothing_behind(tmp_path):
    class Interrupted(Exception):
        pass

    def interrupt(done: int, total: int, note: str) -> None:
        if done == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        write_layout("chestxray14", tmp_path / "images", images=20, size=32, seed=0, on_progress=interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [{"images": 0, "size": 64}, {"images": 5, "size": 4}])
def test_numbers_that_make_no_sense_are_refused_before_anything_is_written(tmp_path, wrong):
    with pytest.raises(HilumError):
        write_layout("chestxray14", tmp_path / "images", seed=0, **wrong)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_hold_real_images_is_never_replaced(written):
    before = sorted(written.rglob("*"))
    with pytest.raises(HilumError, match="Name another folder"):
        write_layout("chestxray14", written, images=2, size=32, seed=1)
    assert sorted(written.rglob("*")) == before
