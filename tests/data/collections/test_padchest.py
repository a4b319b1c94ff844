import csv
import gzip
import io

import pytest

from hilum.data.collections import read_collection
from hilum.data.collections.padchest import TERMS
from hilum.errors import HilumError
from hilum.findings import labelled_by, labelled_spellings

TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
COLUMNS = [
    "", "ImageID", "ImageDir", "StudyDate_DICOM", "StudyID", "PatientID", "PatientBirth", "PatientSex_DICOM",
    "ViewPosition_DICOM", "Projection", "MethodProjection", "Pediatric", "Modality_DICOM", "Manufacturer_DICOM",
    "PhotometricInterpretation_DICOM", "PixelRepresentation_DICOM", "PixelAspectRatio_DICOM",
    "SpatialResolution_DICOM", "BitsStored_DICOM", "WindowCenter_DICOM", "WindowWidth_DICOM", "Rows_DICOM",
    "Columns_DICOM", "XRayTubeCurrent_DICOM", "Exposure_DICOM", "ExposureInuAs_DICOM", "ExposureTime",
    "RelativeXRayExposure_DICOM", "ReportID", "Report", "MethodLabel", "Labels", "Localizations",
    "LabelsLocalizationsBySentence", "labelCUIS", "LocalizationsCUIS",
]  # fmt: skip


def image(number: int, labels: str, **cells: str) -> dict[str, str]:
    return {
        "": str(number),
        "ImageID": f"{number}_abc.png",
        "ImageDir": "0",
        "StudyDate_DICOM": "20140915",
        "StudyID": f"s{number}",
        "PatientID": f"p{number // 2}",
        "PatientBirth": "1930.0",
        "PatientSex_DICOM": "F",
        "Projection": "PA",
        "Report": "derram pleural izquierd .",
        "Labels": labels,
        **cells,
    }


IMAGES = [
    image(0, "['pleural effusion', 'COPD signs', 'unchanged']"),
    image(1, "[' laminar atelectasis', '', 'loc basal', 'pseudonodule']", Projection="L"),
    image(2, "['normal']", Projection="AP_horizontal", PatientSex_DICOM="M", ImageDir="17"),
    image(3, "['subcutaneous emphysema', 'hydropneumothorax']", Projection="AP", PatientBirth=""),
    image(4, "", Projection="COSTAL"),
    image(5, "['exclude']", Projection="EXCLUDE"),
    image(6, "['suboptimal study', 'hiatal hernia']", PatientBirth="1830.0"),
    image(7, "['unchanged']", PatientSex_DICOM="O"),
    image(8, "nan", PatientID=""),
    image(9, "[\"atypical pneumonia\", 'multiple nodules', nan]"),
]


def write(root, images, name=TABLE, columns=COLUMNS):
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(images)
    text = stream.getvalue().encode()
    (root / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)


@pytest.fixture
def native(tmp_path):
    write(tmp_path, IMAGES)
    for row in IMAGES:
        (tmp_path / row["ImageDir"]).mkdir(exist_ok=True)
        (tmp_path / row["ImageDir"] / row["ImageID"]).touch()
    return tmp_path


def positives(row) -> set[str]:
    return {finding for finding in TERMS if row[finding] == 1}


def test_the_native_files_become_a_manifest(native):
    dataset = read_collection("padchest", native)
    manifest = dataset.manifest
    views = ["PA", "LATERAL", "AP_HORIZONTAL", "AP", "COSTAL", "EXCLUDE", *["PA"] * 4]
    assert manifest["view"].to_list() == views
    assert manifest["age"].to_list() == [84, 84, 84, None, 84, 84, None, 84, 84, 84]
    assert manifest["sex"].to_list() == ["F", "F", "M", "F", "F", "F", "F", None, "F", "F"]
    assert manifest["patient_id"].to_list() == ["p0", "p0", "p1", "p1", "p2", "p2", "p3", "p3", "study s8", "p4"]
    assert manifest["path"][2] == "17/2_abc.png"
    assert manifest["split"].null_count() == 10
    assert list(map(str, dataset.notes)) == [
        "1 images have no PatientID; each of their studies counts as a patient",
        "1 ages below 0 or beyond 120 years were set to blank",
        f"2 images have no labels in {TABLE}; their findings are blank",
        "1 images are labelled exclude",
        "1 images are labelled suboptimal study",
        "2 images are labelled unchanged",
    ]


def test_labels_become_findings_whatever_blanks_and_quotes_they_have(native):
    rows = read_collection("padchest", native).manifest.rows(named=True)
    assert positives(rows[0]) == {"Pleural Effusion", "COPD"}
    assert positives(rows[1]) == {"Atelectasis"}
    assert positives(rows[2]) == {"No Finding"}
    assert positives(rows[3]) == {"Pleural Effusion", "Pneumothorax"}
    assert positives(rows[6]) == {"Hernia"}
    assert positives(rows[9]) == {"Pneumonia", "Nodule"}
    for number in (0, 1, 2, 3, 6, 9):
        assert all(rows[number][finding] in (0, 1) for finding in TERMS)


def test_labels_that_say_nothing_of_the_image_leave_every_finding_blank(native):
    rows = read_collection("padchest", native).manifest.rows(named=True)
    for number in (4, 5, 7, 8):
        assert all(rows[number][finding] is None for finding in TERMS)


def test_terms_stand_for_the_findings_that_the_table_of_names_lists():
    assert dict.fromkeys(TERMS) == dict.fromkeys(labelled_by("padchest"))
    for finding, name in labelled_by("padchest").items():
        assert name.lower() in TERMS[finding]
    assert all(name == name.lower() for names in TERMS.values() for name in names)


@pytest.mark.parametrize("layout", ["flat", "images", "images/17"])
def test_images_are_found_in_one_folder_too(native, layout):
    folder = native / layout if layout != "flat" else native
    folder.mkdir(parents=True, exist_ok=True)
    for path in list(native.rglob("*.png")):
        path.rename(folder / path.name)
    assert all((native / path).is_file() for path in read_collection("padchest", native).manifest["path"])


def test_no_report_text_leaves_the_table(native):
    dataset = read_collection("padchest", native)
    text = dataset.manifest.write_csv() + "".join(map(str, dataset.notes))
    assert "derram" not in text
    assert "izquierd" not in text


def test_missing_images_and_strangers_are_counted(native):
    (native / "0" / "0_abc.png").unlink()
    (native / "0" / "stranger.png").touch()
    with pytest.raises(HilumError, match=r"found 1 missing \(0_abc.png\).*--allow-missing"):
        read_collection("padchest", native)
    dataset = read_collection("padchest", native, allow_missing=True)
    assert dataset.manifest["path"].null_count() == 1
    assert f"1 image files have no row in {TABLE} and were excluded" in map(str, dataset.notes)


def test_a_gzipped_table_says_the_same(native):
    plain = read_collection("padchest", native).manifest
    (native / TABLE).unlink()
    write(native, IMAGES, f"{TABLE}.gz")
    assert read_collection("padchest", native).manifest.equals(plain)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"ImageID": "../../etc/passwd"}, "line 12: ImageID is '../../etc/passwd', expected every image once"),
        ({"ImageID": "/etc/x.png"}, "line 12: ImageID is '/etc/x.png'"),
        ({"ImageID": "..\\x.png"}, "line 12: ImageID is"),
        ({"ImageID": "0_abc.png"}, "line 2: ImageID is '0_abc.png', expected every image once"),
        ({"StudyID": ""}, "line 12: StudyID is None"),
        ({"PatientBirth": "old"}, "line 12: PatientBirth is 'old', expected a year"),
        ({"Labels": "pneumonia"}, "line 12: Labels is 'pneumonia', expected a list such as"),
        ({"Labels": "['a'"}, "line 12: Labels is"),
        ({"Labels": "__import__('os').system('true')"}, "line 12: Labels is"),
        ({"Labels": "['a', ['b']]"}, "line 12: Labels is"),
        ({"Labels": "['" + "a" * 200_000 + "']"}, "expected at most 100,000 characters in a cell"),
    ],
)
def test_values_that_cannot_be_are_refused_by_line(native, cells, message):
    write(native, [*IMAGES, image(10, "['normal']") | cells])
    with pytest.raises(HilumError) as caught:
        read_collection("padchest", native, allow_missing=True)
    assert message in str(caught.value)


def test_a_folder_without_the_table_or_a_table_of_another_set_is_refused(tmp_path):
    with pytest.raises(HilumError, match="expected PadChest's PADCHEST_chest"):
        read_collection("padchest", tmp_path)
    write(tmp_path, IMAGES, columns=COLUMNS[:8])
    with pytest.raises(HilumError, match="column 'Projection': expected, but missing"):
        read_collection("padchest", tmp_path)


def test_a_table_in_another_encoding_is_refused(native):
    (native / TABLE).write_bytes((native / TABLE).read_bytes().replace(b"derram", "pulmón".encode("latin-1")))
    with pytest.raises(HilumError, match="expected text, UTF-8; found byte 0xf3 in line 2"):
        read_collection("padchest", native)


@pytest.mark.parametrize(
    "written", [str, str.upper, lambda term: term.replace(" ", "_"), lambda term: f" {term.title()}  "]
)
def test_any_spelling_of_a_term_gives_the_same_codes(tmp_path, written):
    spelt = [*labelled_spellings("padchest").items()]
    spelt += [(term, finding) for finding, terms in TERMS.items() for term in terms]
    write(tmp_path, [image(place, f"['{written(term)}']") for place, (term, _) in enumerate(spelt)])
    manifest = read_collection("padchest", tmp_path, allow_missing=True).manifest
    for row, (term, finding) in zip(manifest.iter_rows(named=True), spelt, strict=True):
        assert finding in positives(row), term


def test_patients_have_one_spelling(tmp_path):
    write(tmp_path, [image(0, "[]", PatientID="007"), image(1, "[]", PatientID="7.0"), image(2, "[]", PatientID="p07")])
    patients = read_collection("padchest", tmp_path, allow_missing=True).manifest["patient_id"]
    assert patients.to_list() == ["7", "7", "p07"]
