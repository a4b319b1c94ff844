import cv2
import highdicom as hd
import numpy as np
import polars as pl
import pydicom
import pytest
from pydicom.sr.codedict import codes
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, JPEG2000Lossless, generate_uid

from hilum.data.pixels import read_gray
from hilum.explanation.localisation import overlaid
from hilum.phantom.dicom_writing import Encoding, write_dicom
from hilum.prediction import load_classifier
from hilum.prediction.dicom_out import NoStudy, read_source
from hilum.prediction.dicom_out.reports import PRESENCE
from hilum.prediction.inputs import find_inputs
from hilum.prediction.map_files import maps_on_images
from hilum.prediction.predict import PredictConfig, predict_images

FRAME = generate_uid(entropy_srcs=["frame"])


@pytest.fixture(scope="module")
def model(model_directory):
    return load_classifier(model_directory / "seed-0", device="cpu", self_test=False)


@pytest.fixture
def results(model, arm, tmp_path):
    """Two DICOM files and a PNG, scored: their table, and the folder of DICOM results."""
    paths = sorted(arm.root.rglob("*.png"))[:3]
    folder = tmp_path / "in"
    folder.mkdir()
    full = {
        "PatientName": "Müller^Änne", "PatientID": "77", "PatientSex": "F", "PatientBirthDate": "19700101",
        "StudyDate": "20200102", "StudyTime": "101112", "AccessionNumber": "A1", "StudyID": "S1",
        "FrameOfReferenceUID": FRAME, "ViewPosition": "PA", "SpecificCharacterSet": "ISO_IR 192",
    }  # fmt: skip
    for name, path, encoding, header in (
        ("full.dcm", paths[0], Encoding(ExplicitVRLittleEndian, 8), full),
        ("bare.dcm", paths[1], Encoding(JPEG2000Lossless, 8, inverted=True), {}),
    ):
        write_dicom(
            folder / name, read_gray(path), encoding, kind=ComputedRadiographyImageStorage, name=name,
            header={"Modality": "CR"} | header,
        )  # fmt: skip
    cv2.imwrite(str(folder / "plain.png"), read_gray(paths[2]))
    predict_images(
        model, find_inputs([str(folder)]), tmp_path / "p.parquet", PredictConfig(workers=1, dicom=tmp_path / "results")
    )
    return pl.read_parquet(tmp_path / "p.parquet"), folder, tmp_path / "results"


def rows(results):
    table, folder, out = results
    assert table["reason"].null_count() == 3
    for row in table.iter_rows(named=True):
        if row["image_id"] != "plain.png":
            yield row, pydicom.dcmread(folder / row["image_id"]), out / row["image_id"]


def test_a_report_reads_back_to_the_numbers_of_the_table(results, model):
    for row, image, directory in rows(results):
        report = hd.sr.srread(directory / "report.dcm")
        assert isinstance(report, hd.sr.Comprehensive3DSR)
        assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
        assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
        assert report.StudyInstanceUID == image.StudyInstanceUID
        assert report.SeriesInstanceUID != image.SeriesInstanceUID
        for keyword in ("PatientID", "PatientName", "PatientBirthDate", "AccessionNumber", "StudyDate"):
            assert (report.get(keyword) or "") == (image.get(keyword) or "")
        evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
        assert evidence.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == image.SOPInstanceUID
        groups = {group.tracking_identifier: group for group in report.content.get_image_measurement_groups()}
        assert list(groups) == model.findings
        for described in model.description.findings:
            name, group = described.name, groups[described.name]
            probability = group.get_measurements(name=codes.DCM.Probability)
            # FloatingPointValue, all bits; NumericValue is its 16 characters
            assert [np.float32(each.value) for each in probability] == [np.float32(row[f"p_{name}"])]
            assert probability[0].unit == codes.UCUM.NoUnits
            (call,) = group.get_qualitative_evaluations(name=PRESENCE)
            wanted = codes.SCT.Present if row[f"call_{name}"] else codes.SCT.Absent
            assert call.value == wanted
            selected = group.finding_type
            assert (selected.value, selected.scheme_designator) == (described.codes[0].code, described.codes[0].scheme)
            message = [item.TextValue for item in group[0].ContentSequence if item.ValueType == "TEXT"]
            assert model.description.name in message
            assert any(text.startswith(f"called from {described.threshold!r}") for text in message)
            assert model.cards[0].sha256[:12] in message


def test_heat_maps_are_captures_of_the_same_study_patient_and_frame(results, model):
    seen = 0
    for row, image, directory in rows(results):
        called = {name for name in model.findings if row[f"call_{name}"]}
        assert {path.stem for path in directory.glob("*.dcm")} == called | {"report"}
        pixels = model.preprocess(results[1] / row["image_id"])
        for name in called:
            capture = pydicom.dcmread(directory / f"{name}.dcm")
            assert capture.SOPClassUID.name == "Secondary Capture Image Storage"
            assert capture.StudyInstanceUID == image.StudyInstanceUID
            assert (capture.PatientID or "") == (image.get("PatientID") or "")
            assert str(capture.PatientName or "") == str(image.get("PatientName") or "")
            assert capture.get("FrameOfReferenceUID") == image.get("FrameOfReferenceUID")
            assert capture.SourceImageSequence[0].ReferencedSOPInstanceUID == image.SOPInstanceUID
            heat = maps_on_images(model, pixels[None], [name])[0, 0]
            wanted = overlaid(pixels, heat)[..., ::-1].astype(int)
            assert np.abs(capture.pixel_array.astype(int) - wanted).max() <= 1
            seen += 1
    assert seen


def test_images_that_are_of_no_study_have_none(results, tmp_path):
    _, folder, out = results
    assert sorted(path.name for path in out.iterdir()) == ["bare.dcm", "full.dcm"]
    with pytest.raises(NoStudy):
        read_source(folder / "plain.png")
    without = pydicom.dcmread(folder / "full.dcm")
    del without.StudyInstanceUID
    without.save_as(tmp_path / "without.dcm")
    with pytest.raises(NoStudy):
        read_source(tmp_path / "without.dcm")
