import gzip

import pytest

from hilum.data.collections import read_collection
from hilum.errors import HilumError
from hilum.findings import CHEXPERT

HEADER = (
    "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,"
    "Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices"
)
P = "CheXpert-v1.0-small"
TRAIN = [
    f"{P}/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,1.0,,,,,,,,,0.0,,,,1.0",
    f"{P}/train/patient00002/study2/view1_frontal.jpg,Female,87,Frontal,AP,,,-1.0,1.0,,-1.0,-1.0,,-1.0,,-1.0,,1.0,",
    f"{P}/train/patient00002/study1/view2_lateral.jpg,Female,83,Lateral,,,,,1.0,,,-1.0,,,,,,1.0,",
    f"{P}/train/patient00003/study1/view1_frontal.jpg,Unknown,0,Frontal,LL,,,,1,,0,-1,,,,,,,",
]
VALID = [
    f"{P}/valid/patient64541/study1/view1_frontal.jpg,Male,73,Frontal,PA,0.0,1.0,1.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,"
    "0.0,0.0,0.0",
]
FULL = [row.replace("-small", "") for row in TRAIN]


def write(root, name, lines, images=True):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join([HEADER, *lines]) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    for line in lines if images else []:
        image = root / line.split(",")[0]
        image.parent.mkdir(parents=True, exist_ok=True)
        image.touch()


@pytest.fixture
def small(tmp_path):
    """CheXpert-v1.0-small below the root: four images of three patients, and one of the validation set."""
    write(tmp_path, f"{P}/train.csv", [])
    (tmp_path / P / "train.csv").unlink()
    for part, lines in (("train", TRAIN), ("valid", VALID)):
        write(tmp_path, "table", lines)
        (tmp_path / "table").rename(tmp_path / P / f"{part}.csv")
    return tmp_path


def codes(image) -> dict[str, int]:
    return {name: image[name] for name in CHEXPERT if image[name] is not None}


def test_the_native_files_become_a_manifest(small):
    dataset = read_collection("chexpert", small)
    manifest = dataset.manifest
    assert manifest["split"].to_list() == ["train"] * 4 + ["val"]
    assert manifest["view"].to_list() == ["AP", "AP", "LATERAL", "FRONTAL", "PA"]
    assert manifest["sex"].to_list() == ["F", "F", "F", None, "M"]
    assert manifest["age"].to_list() == [68, 87, 83, None, 73]
    first = manifest.row(0, named=True)
    assert first["image_id"] == "train/patient00001/study1/view1_frontal.jpg"
    assert first["path"] == f"{P}/train/patient00001/study1/view1_frontal.jpg"
    assert (first["patient_id"], first["study_id"]) == ("patient00001", "patient00001/study1")
    assert sorted(dataset.sources) == [f"{P}/train.csv", f"{P}/valid.csv"]
    assert list(map(str, dataset.notes)) == [
        "train.csv: 1 ages of 0 mean unknown; set to blank",
        "train.csv: 1 images of unknown sex",
        "train.csv: 1 frontal images are neither AP nor PA; their view is FRONTAL",
    ]


def test_every_code_is_kept_as_it_is_written(small):
    images = read_collection("chexpert", small).manifest.rows(named=True)
    assert codes(images[0]) == {"No Finding": 1, "Pneumothorax": 0, "Support Devices": 1}
    assert codes(images[1]) == {
        "Cardiomegaly": -1, "Lung Opacity": 1, "Edema": -1, "Consolidation": -1, "Atelectasis": -1,
        "Pleural Effusion": -1, "Fracture": 1,
    }  # fmt: skip
    # some copies of the table have whole numbers
    assert codes(images[3]) == {"Lung Opacity": 1, "Edema": 0, "Consolidation": -1}
    assert len(codes(images[4])) == 14


def test_the_folder_itself_is_a_root_too_and_says_the_same(small):
    below, itself = read_collection("chexpert", small), read_collection("chexpert", small / P)
    assert itself.manifest.drop("path").equals(below.manifest.drop("path"))
    assert itself.manifest["path"].to_list() == below.manifest["image_id"].to_list()


def test_batches_are_read_where_they_were_unpacked(tmp_path):
    first = tmp_path / "CheXpert-v1.0 batch 1 (validate & csv)"
    write(first, "train.csv", FULL, images=False)
    write(first, "valid.csv", [row.replace("-small", "") for row in VALID], images=False)
    for folder, name in (
        ("CheXpert-v1.0 batch 2 (train 1)", "patient00001/study1/view1_frontal.jpg"),
        ("CheXpert-v1.0 batch 2 (train 1)", "patient00002/study2/view1_frontal.jpg"),
        ("CheXpert-v1.0 batch 3 (train 2)", "patient00002/study1/view2_lateral.jpg"),
        ("CheXpert-v1.0 batch 4 (train 3)", "patient00003/study1/view1_frontal.jpg"),
        (first.name, "valid/patient64541/study1/view1_frontal.jpg"),
    ):
        (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / name).touch()
    manifest = read_collection("chexpert", tmp_path).manifest
    assert manifest["path"].null_count() == 0
    assert all((tmp_path / path).is_file() for path in manifest["path"])
    assert manifest["image_id"][3] == "train/patient00003/study1/view1_frontal.jpg"


def test_the_test_set_has_labels_and_no_columns_of_the_image(tmp_path):
    names = [*CHEXPERT[1:], CHEXPERT[0]]
    row = ["test/patient64741/study1/view1_frontal.jpg", "1.0", *["0.0"] * 13]
    side = ["test/patient64742/study1/view2_lateral.jpg", *["0.0"] * 13, "1.0"]
    text = "\n".join(",".join(cells) for cells in (["Path", *names], row, side))
    (tmp_path / "test_labels.csv").write_text(text)
    manifest = read_collection("chexpert", tmp_path, allow_missing=True).manifest
    assert manifest["split"].to_list() == ["test"] * 2
    assert manifest["view"].to_list() == ["FRONTAL", "LATERAL"]
    assert manifest["Enlarged Cardiomediastinum"].to_list() == [1, 0]
    assert manifest["No Finding"].to_list() == [0, 1]
    assert manifest["age"].null_count() == 2


def test_missing_images_are_counted_and_the_fix_is_named(small):
    (small / TRAIN[1].split(",")[0]).unlink()
    with pytest.raises(HilumError, match=r"found 1 missing \(train/patient00002/study2/view1_frontal.jpg\).*--allow"):
        read_collection("chexpert", small)
    manifest = read_collection("chexpert", small, allow_missing=True).manifest
    assert manifest["path"].is_null().to_list() == [False, True, False, False, False]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/etc/passwd", "line 2: Path is '/etc/passwd', expected every image once, as train/patient00001"),
        (f"{P}/train/../../../../etc/passwd", "line 2: Path is"),
        (f"{P}/train/patient00001/study1/../study1/view1_frontal.jpg", "line 2: Path is"),
        (f"{P}/train/patient00001/study1/view1_frontal.jpg\n", "line 2: Path is"),
        ("", "line 2: Path is None"),
    ],
)
def test_paths_that_are_no_images_of_the_set_are_refused(tmp_path, path, message):
    write(tmp_path, "train.csv", [TRAIN[0].replace(TRAIN[0].split(",")[0], f'"{path}"')], images=False)
    if "\n" in path:  # blanks at the end are cut, and nothing is left to refuse
        assert len(read_collection("chexpert", tmp_path, allow_missing=True).manifest) == 1
        return
    with pytest.raises(HilumError) as caught:
        read_collection("chexpert", tmp_path, allow_missing=True)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Female", "Woman", "line 2: Sex is 'Woman', expected Female, Male or Unknown"),
        (",68,", ",old,", "line 2: Age is 'old', expected years, 0 to 120"),
        (",68,", ",680,", "line 2: Age is '680'"),
        (",Frontal,", ",Oblique,", "line 2: Frontal/Lateral is 'Oblique', expected Frontal or Lateral"),
        (",1.0\n", ",2.0\n", "line 2: Support Devices is '2.0', expected 1.0, 0.0, -1.0 or blank"),
        (",1.0\n", ",nan\n", "line 2: Support Devices is 'nan'"),
    ],
)
def test_values_that_cannot_be_are_refused_by_line(tmp_path, old, new, message):
    write(tmp_path, "train.csv", [(TRAIN[0] + "\n").replace(old, new).strip()])
    with pytest.raises(HilumError) as caught:
        read_collection("chexpert", tmp_path)
    assert message in str(caught.value)


def test_an_image_twice_in_a_table_or_in_both_is_refused(small):
    write(small / P, "train.csv", [TRAIN[0], TRAIN[0]], images=False)
    with pytest.raises(HilumError, match=r"line 2: Path is .*expected every image once"):
        read_collection("chexpert", small)
    write(small / P, "train.csv", [TRAIN[0]], images=False)
    write(small / P, "valid.csv", [TRAIN[0]], images=False)
    with pytest.raises(HilumError, match=r"expected every image once; found train/patient00001.* twice"):
        read_collection("chexpert", small)


def test_two_copies_below_one_root_are_not_mixed(small):
    write(small, "CheXpert-v1.0/train.csv", FULL, images=False)
    with pytest.raises(
        HilumError, match=r"expected one CheXpert; found tables in 'CheXpert-v1.0' and 'CheXpert-v1.0-s"
    ):
        read_collection("chexpert", small)


def test_a_folder_without_tables_is_refused_and_gzipped_ones_are_read(small, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(HilumError, match=r"expected CheXpert's train.csv or valid.csv"):
        read_collection("chexpert", empty)
    plain = read_collection("chexpert", small).manifest
    for part, lines in (("train", TRAIN), ("valid", VALID)):
        (small / P / f"{part}.csv").unlink()
        write(small / P, f"{part}.csv.gz", lines, images=False)
    assert read_collection("chexpert", small).manifest.equals(plain)
