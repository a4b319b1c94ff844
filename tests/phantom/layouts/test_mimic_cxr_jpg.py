import gzip

from polars.testing import assert_frame_equal

from hilum.data.collections import read_collection
from hilum.phantom import write_layout

# first lines of MIMIC-CXR-JPG's tables
LABELS = (
    "Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,Lung Lesion,Lung Opacity,"
    "No Finding,Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,Support Devices"
)
HEADERS = {
    "mimic-cxr-2.0.0-metadata.csv.gz": (
        "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate,StudyTime,"
        "ProcedureCodeSequence_CodeMeaning,ViewCodeSequence_CodeMeaning,PatientOrientationCodeSequence_CodeMeaning"
    ),
    "mimic-cxr-2.0.0-split.csv.gz": "dicom_id,study_id,subject_id,split",
    "mimic-cxr-2.0.0-chexpert.csv.gz": f"subject_id,study_id,{LABELS}",
    "mimic-cxr-2.0.0-negbio.csv.gz": f"subject_id,study_id,{LABELS}",
    "mimic-cxr-2.1.0-test-set-labeled.csv": f"study_id,{LABELS}",
    "patients.csv.gz": "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod",
}


def test_the_folder_has_the_native_files_and_headers_and_no_others(generated):
    root, written = generated("mimic_cxr_jpg")
    files = {path.relative_to(root).as_posix() for path in root.rglob("[!.]*") if path.is_file()}
    assert files == set(HEADERS) | set(written.manifest["path"])
    for name, header in HEADERS.items():
        content = (root / name).read_bytes()
        text = gzip.decompress(content) if name.endswith(".gz") else content
        assert text.decode().splitlines()[0] == header


def test_images_are_where_their_ids_say(generated):
    _, written = generated("mimic_cxr_jpg")
    for image in written.manifest.iter_rows(named=True):
        patient = image["patient_id"]
        assert image["path"] == f"files/p{patient[:2]}/p{patient}/s{image['study_id']}/{image['image_id']}.jpg"


def test_the_other_labellers_tables_say_what_they_are_known_to_say(generated):
    root, written = generated("mimic_cxr_jpg")
    by_chexpert = written.manifest
    by_negbio = read_collection("mimic_cxr_jpg", root, labeller="negbio").manifest
    denied = (by_chexpert["Edema"] == 0).fill_null(False)
    assert denied.any()
    assert by_negbio.filter(denied)["Edema"].null_count() == denied.sum()
    assert_frame_equal(by_negbio.select("image_id", "Pneumothorax"), by_chexpert.select("image_id", "Pneumothorax"))

    read = read_collection("mimic_cxr_jpg", root, labeller="radiologist").manifest
    tested = read["split"] == "test"
    assert read.filter(tested)["Edema"].null_count() == 0
    assert read.filter(~tested)["Edema"].null_count() == (~tested).sum()


def test_files_do_not_depend_on_time_or_workers(generated, anew, tmp_path):
    root, _ = generated("mimic_cxr_jpg")
    write_layout("mimic_cxr_jpg", tmp_path / "again", images=36, size=32, seed=0, workers=1)
    for path in (path for path in root.rglob("*") if path.is_file()):
        assert (tmp_path / "again" / path.relative_to(root)).read_bytes() == path.read_bytes()
