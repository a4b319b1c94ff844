import gzip

import pytest

from hilum.data.collections import read_collection
from hilum.errors import HilumError
from hilum.findings import CHEXPERT

METADATA = (
    "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate,StudyTime,"
    "ProcedureCodeSequence_CodeMeaning,ViewCodeSequence_CodeMeaning,PatientOrientationCodeSequence_CodeMeaning"
)
OBSERVATIONS = sorted(CHEXPERT)
LABELS = ",".join(["subject_id", "study_id", *OBSERVATIONS])
IMAGES = [
    f"{number:08x}-bde0afdd-112c0b34-7bc16630-4e384014,{patient},{study},CHEST (PA AND LAT),{view},3056,2544,{date}"
    ",213014.531,CHEST (PA AND LAT),postero-anterior,Erect"
    for number, (patient, study, view, date) in enumerate(
        [
            (10000032, 50414267, "PA", 21800506),
            (10000032, 50414267, "LATERAL", 21800506),
            (10000764, 57375967, "AP", 21321015),
            (10001217, 52067803, "LL", 21571225),
            (10001217, 58913004, "", 21571225),
        ]
    )
]
IDS = [row.split(",")[0] for row in IMAGES]


def labels(study: int, patient: int = 10000032, **codes: str) -> str:
    named = {name.replace("_", " "): code for name, code in codes.items()}
    return ",".join([str(patient), str(study), *(named.get(name, "") for name in OBSERVATIONS)])


CHEXPERT_ROWS = [
    labels(50414267, No_Finding="1.0"),
    labels(57375967, 10000764, Edema="-1.0", Pneumonia="1.0", Pneumothorax="0.0"),
    labels(52067803, 10001217, Edema="0", Fracture="-1"),
]


def write(root, name, lines):
    text = ("\n".join(lines) + "\n").encode()
    (root / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)


@pytest.fixture
def native(tmp_path):
    """Five images of four studies of three patients, with their tables and (empty) images."""
    write(tmp_path, "mimic-cxr-2.0.0-metadata.csv.gz", [METADATA, *IMAGES])
    write(tmp_path, "mimic-cxr-2.0.0-chexpert.csv.gz", [LABELS, *CHEXPERT_ROWS])
    parts = ["train", "train", "validate", "test", "test"]
    lists = [
        f"{row.split(',')[0]},{row.split(',')[2]},{row.split(',')[1]},{part}"
        for row, part in zip(IMAGES, parts, strict=True)
    ]
    write(tmp_path, "mimic-cxr-2.0.0-split.csv.gz", ["dicom_id,study_id,subject_id,split", *lists])
    for row in IMAGES:
        image, patient, study = row.split(",")[:3]
        folder = tmp_path / "files" / f"p{patient[:2]}" / f"p{patient}" / f"s{study}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{image}.jpg").touch()
    return tmp_path


def test_the_native_files_become_a_manifest(native):
    dataset = read_collection("mimic_cxr_jpg", native)
    manifest = dataset.manifest
    assert manifest["image_id"].to_list() == IDS
    assert manifest["patient_id"].to_list() == ["10000032", "10000032", "10000764", "10001217", "10001217"]
    assert manifest["study_id"][2] == "57375967"
    assert manifest["view"].to_list() == ["PA", "LATERAL", "AP", "LATERAL", None]
    assert manifest["split"].to_list() == ["train", "train", "val", "test", "test"]
    assert manifest["path"][0] == f"files/p10/p10000032/s50414267/{IDS[0]}.jpg"
    assert all((native / path).is_file() for path in manifest["path"])
    assert list(map(str, dataset.notes)) == [
        "labels of mimic-cxr-2.0.0-chexpert.csv.gz",
        "1 images have no labels in mimic-cxr-2.0.0-chexpert.csv.gz; their findings are blank",
        "no patients.csv (MIMIC-IV) here: age and sex are blank",
    ]


def test_the_codes_of_a_study_go_to_each_of_its_images(native):
    manifest = read_collection("mimic_cxr_jpg", native).manifest
    assert manifest["No Finding"].to_list() == [1, 1, None, None, None]
    assert manifest["Edema"].to_list() == [None, None, -1, 0, None]
    assert manifest["Pneumonia"].to_list() == [None, None, 1, None, None]
    assert manifest["Pneumothorax"].to_list() == [None, None, 0, None, None]
    assert manifest["Fracture"].to_list() == [None, None, None, -1, None]


def test_the_labeller_is_the_first_that_is_here_unless_given(native):
    write(native, "mimic-cxr-2.0.0-negbio.csv", [LABELS, labels(50414267, No_Finding="0.0")])
    write(
        native, "mimic-cxr-2.1.0-test-set-labeled.csv", ["study_id," + ",".join(OBSERVATIONS), "52067803" + ",1" * 14]
    )

    def no_finding(**options):
        return read_collection("mimic_cxr_jpg", native, **options).manifest["No Finding"].to_list()

    assert no_finding() == no_finding(labeller="chexpert") == [1, 1, None, None, None]
    assert no_finding(labeller="negbio") == [0, 0, None, None, None]
    assert no_finding(labeller="radiologist") == [None, None, None, 1, None]
    (native / "mimic-cxr-2.0.0-chexpert.csv.gz").unlink()
    assert no_finding() == [0, 0, None, None, None]
    with pytest.raises(HilumError, match=r"expected mimic-cxr-2.0.0-chexpert.csv, plain or .gz; found no such file"):
        no_finding(labeller="chexpert")
    with pytest.raises(HilumError, match="expected one of chexpert, negbio, radiologist; found 'gpt'"):
        no_finding(labeller="gpt")


def test_age_and_sex_come_from_mimic_iv_where_its_patients_are_here(native):
    people = ["10000032,F,52,2180,2014 - 2016,2180-09-09", "10000764,M,86,2130,2014 - 2016,"]
    header = "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod"
    write(native, "patients.csv.gz", [header, *people])
    manifest = read_collection("mimic_cxr_jpg", native).manifest
    assert manifest["age"].to_list() == [52, 52, 88, None, None]
    assert manifest["sex"].to_list() == ["F", "F", "M", None, None]


def test_without_lists_the_split_is_blank(native):
    (native / "mimic-cxr-2.0.0-split.csv.gz").unlink()
    dataset = read_collection("mimic_cxr_jpg", native)
    assert dataset.manifest["split"].null_count() == 5
    assert "no mimic-cxr-2.0.0-split.csv here: split is blank" in map(str, dataset.notes)


def test_missing_images_are_counted_and_the_fix_is_named(native):
    next(native.rglob(f"{IDS[2]}.jpg")).unlink()
    with pytest.raises(HilumError, match=rf"found 1 missing \({IDS[2]}\).*--allow-missing"):
        read_collection("mimic_cxr_jpg", native)
    manifest = read_collection("mimic_cxr_jpg", native, allow_missing=True).manifest
    assert manifest["path"].is_null().to_list() == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("table", "old", "new", "message"),
    [
        ("metadata", "00000000-bde0afdd", "../../etc/passwd", "line 2: dicom_id is '../../etc/passwd-112c0b34"),
        ("metadata", "10000764,", "../10000,", "line 4: subject_id is '../10000', expected eight digits"),
        ("metadata", "57375967,", "/etc/pwd,", "line 4: study_id is '/etc/pwd', expected eight digits"),
        ("metadata", "00000001-", "00000000-", "line 2: dicom_id is '00000000-bde0afdd-112c0b34-7bc16630-4e384014'"),
        ("metadata", "ViewPosition", "View", "column 'ViewPosition': expected, but missing"),
        ("chexpert", "50414267", "52067803", "line 2: study_id is '52067803', expected every study once"),
        ("chexpert", "-1.0", "maybe", "line 3: Edema is 'maybe', expected 1.0, 0.0, -1.0 or blank"),
        ("split", "validate", "valid", "line 4: split is 'valid', expected train, validate or test"),
        ("split", "00000001-", "00000000-", "line 2: dicom_id is"),
    ],
)
def test_values_that_cannot_be_are_refused_by_line(native, table, old, new, message):
    path = native / f"mimic-cxr-2.0.0-{table}.csv.gz"
    text = gzip.decompress(path.read_bytes()).decode()
    assert old in text
    path.write_bytes(gzip.compress(text.replace(old, new).encode()))
    with pytest.raises(HilumError) as caught:
        read_collection("mimic_cxr_jpg", native, allow_missing=True)
    assert message in str(caught.value)


def test_a_patient_on_two_lists_is_refused(native):
    path = native / "mimic-cxr-2.0.0-split.csv.gz"
    text = gzip.decompress(path.read_bytes()).decode().replace("train", "test", 1)
    path.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(HilumError, match="10000032"):
        read_collection("mimic_cxr_jpg", native)
