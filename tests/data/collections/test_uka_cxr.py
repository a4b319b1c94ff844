import pytest

from hilum.data.collections import read_collection
from hilum.errors import HilumError

GRADED = (
    "cardiomegaly,congestion,pleural_effusion_right,pleural_effusion_left,pneumonic_infiltrates_right,"
    "pneumonic_infiltrates_left,atelectasis_right,atelectasis_left"
)
HEADER = f"image_id,path,patient_id,study_id,age,sex,split,view,{GRADED},healthy"
IMAGES = [
    "a,images/a.png,P1,S1,68,M,train,AP,normal,negative,negative,negative,negative,negative,negative,negative,1",
    "b,./images/b.png,P1,S2,68.5,M,train,AP,borderline,uncertain mild,mild,moderate,severe,negative,negative,,0",
    "c,images/c.png,P2,,,,test,,massively enlarged,4,3,2,1,0,0,0,0",
    "d,images/d.png,P3,,0,F,,ap,enlarged,,,,,,,,",
]
SIDES = ["Pleural Effusion Right", "Pleural Effusion Left", "Pneumonia Right", "Pneumonia Left"]


def write(root, header, rows):
    root.mkdir(exist_ok=True)
    (root / "uka_cxr.csv").write_text("\n".join([header, *rows]) + "\n")
    (root / "images").mkdir(exist_ok=True)
    for name in "abcd":
        (root / "images" / f"{name}.png").touch()
    return root


def test_the_contract_becomes_a_manifest(tmp_path):
    dataset = read_collection("uka_cxr", write(tmp_path, HEADER, IMAGES))
    manifest = dataset.manifest
    assert manifest["path"].to_list() == [f"images/{name}.png" for name in "abcd"]
    assert manifest["view"].to_list() == ["AP", "AP", None, "AP"]
    assert manifest["age"].to_list() == [68, 68.5, None, 0]
    assert manifest["split"].to_list() == ["train", "train", "test", None]
    assert manifest.select("Cardiomegaly", "Congestion", *SIDES).rows() == [
        (0, 0, 0, 0, 0, 0),
        (0, 0, 0, 1, 1, 0),
        (1, 1, 1, 0, 0, 0),
        (1, None, None, None, None, None),
    ]
    assert manifest["No Finding"].to_list() == [1, 0, 0, None]
    assert list(map(str, dataset.notes)) == []


def test_every_step_of_the_scale_is_a_grade_and_words_and_numbers_agree(tmp_path):
    grades = read_collection("uka_cxr", write(tmp_path, HEADER, IMAGES)).grades

    def of(image):
        return dict(grades.filter(image_id=image).select("finding", "grade").rows())

    assert of("a") == dict.fromkeys(of("a"), 0)
    assert len(of("a")) == 8
    assert of("b") == {
        "Cardiomegaly": 2, "Congestion": 1, "Pleural Effusion Right": 2, "Pleural Effusion Left": 3,
        "Pneumonia Right": 4, "Pneumonia Left": 0, "Atelectasis Right": 0,
    }  # fmt: skip
    assert of("c") == {
        "Cardiomegaly": 4, "Congestion": 4, "Pleural Effusion Right": 3, "Pleural Effusion Left": 2,
        "Pneumonia Right": 1, "Pneumonia Left": 0, "Atelectasis Right": 0, "Atelectasis Left": 0,
    }  # fmt: skip
    assert of("d") == {"Cardiomegaly": 3}


def test_without_the_column_healthy_no_finding_follows_from_the_grades(tmp_path):
    rows = [row.rpartition(",")[0] for row in IMAGES]
    rows.append("e,images/e.png,P4,,,,,,0,0,0,0,0,0,0,")
    root = write(tmp_path, HEADER.removesuffix(",healthy"), rows)
    (root / "images" / "e.png").touch()
    dataset = read_collection("uka_cxr", root)
    assert dataset.manifest["No Finding"].to_list() == [1, 0, 0, 0, None]
    assert list(map(str, dataset.notes)) == [
        "uka_cxr.csv has no column healthy: No Finding is 1 if all eight grades are 0"
    ]


def test_what_may_be_left_out_may_be_left_out(tmp_path):
    rows = [f"{name},images/{name}.png,P{name}" + ",0" * 8 for name in "abcd"]
    manifest = read_collection("uka_cxr", write(tmp_path, f"image_id,path,patient_id,{GRADED}", rows)).manifest
    assert manifest["view"].to_list() == ["AP"] * 4
    assert manifest.select("study_id", "age", "sex", "split").null_count().row(0) == (4, 4, 4, 4)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("images/a.png", "/etc/passwd", "line 2: path is '/etc/passwd', expected a file below the root"),
        ("images/a.png", "images/../../a.png", "line 2: path is 'images/../../a.png'"),
        ("images/a.png", "images/c.png", "line 2: path is 'images/c.png'"),
        ("a,images", "d,images", "line 2: image_id is 'd', expected every image once"),
        (",P1,S1", ",,S1", "line 2: patient_id is None, expected a patient"),
        (",68,M", ",68,m", "line 2: sex is 'm', expected F, M or blank"),
        (",68,M", ",elderly,M", "line 2: age is 'elderly', expected years"),
        ("M,train", "M,valid", "line 2: split is 'valid', expected train, val, test or blank"),
        ("AP,normal", "AP,mild", "line 2: cardiomegaly is 'mild', expected normal, borderline, enlarged"),
        ("normal,negative", "normal,5", "line 2: congestion is '5', expected negative, uncertain mild, mild, moder"),
        ("negative,1", "negative,yes", "line 2: healthy is 'yes', expected 1, 0 or blank"),
    ],
)
def test_values_that_cannot_be_are_refused_by_line(tmp_path, old, new, message):
    root = write(tmp_path, HEADER, [IMAGES[0].replace(old, new, 1), *IMAGES[1:]])
    with pytest.raises(HilumError) as caught:
        read_collection("uka_cxr", root)
    assert message in str(caught.value)


def test_missing_images_are_counted_and_the_fix_is_named(tmp_path):
    root = write(tmp_path, HEADER, IMAGES)
    (root / "images" / "b.png").unlink()
    with pytest.raises(HilumError, match=r"found 1 missing \(b\).*--allow-missing"):
        read_collection("uka_cxr", root)
    assert read_collection("uka_cxr", root, allow_missing=True).manifest["path"].null_count() == 1


def test_a_link_out_of_the_root_is_not_followed(tmp_path):
    root = write(tmp_path / "root", HEADER, IMAGES)
    (tmp_path / "secret.png").touch()
    (root / "images" / "b.png").unlink()
    (root / "images" / "b.png").symlink_to(tmp_path / "secret.png")
    dataset = read_collection("uka_cxr", root, allow_missing=True)
    assert dataset.manifest["path"].is_null().to_list() == [False, True, False, False]
    assert any("1 links lead out of the root (images/b.png" in note for note in map(str, dataset.notes))


def test_a_folder_without_the_table_is_refused(tmp_path):
    with pytest.raises(HilumError, match=r"expected uka_cxr.csv, plain or .gz; found no such file"):
        read_collection("uka_cxr", tmp_path)
