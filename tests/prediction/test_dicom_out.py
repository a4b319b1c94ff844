import shutil
import subprocess

import cv2
import highdicom as hd
import numpy as np
import polars as pl
import pydicom
import pytest
from highdicom._standard_utils import get_iod_module_map, get_module_attribute_map, get_sop_class_iod_map
from pydicom.sr.codedict import codes
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComputedRadiographyImageStorage,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from hilum.data.images import Turn
from hilum.data.pixels import read_gray
from hilum.data.preprocess import parse_recipe, preprocess
from hilum.explanation.localisation import boxes_of_map, overlaid
from hilum.phantom.dicom_writing import Encoding, write_dicom
from hilum.prediction import load_package
from hilum.prediction.dicom_out import STATES, NoStudy, boxes_on_stored, read_displayed, read_source
from hilum.prediction.dicom_out.presentation_states import with_area
from hilum.prediction.dicom_out.reports import PRESENCE
from hilum.prediction.inputs import find_inputs
from hilum.prediction.map_files import maps_on_images
from hilum.prediction.predict import PredictConfig, predict_images

CLASSES = (Comprehensive3DSRStorage, GrayscaleSoftcopyPresentationStateStorage, SecondaryCaptureImageStorage)
METHOD = "occlusion"  # at 32 px, Grad-CAM has one place
FRAME, SERIES = generate_uid(entropy_srcs=["frame"]), generate_uid(entropy_srcs=["series"])


@pytest.fixture(scope="module")
def model(model_directory):
    return load_package(model_directory / "seed-0", device="cpu", self_test=False)


FULL = {
    "PatientName": "Müller^Änne", "PatientID": "77", "PatientSex": "F", "PatientBirthDate": "19700101",
    "StudyDate": "20200102", "StudyTime": "101112", "AccessionNumber": "A1", "StudyID": "S1",
    "FrameOfReferenceUID": FRAME, "ViewPosition": "PA", "SpecificCharacterSet": "ISO_IR 192",
    "StudyInstanceUID": generate_uid(entropy_srcs=["study"]), "SeriesInstanceUID": SERIES,
}  # fmt: skip


@pytest.fixture(scope="module")
def results(model, arm, tmp_path_factory):
    """Four DICOM files and a PNG, scored: their table, and the folder of DICOM results.

    Two files are of one series and scale of gray, a third of the same series is MONOCHROME1 and lies on its side.
    """
    tmp_path = tmp_path_factory.mktemp("dicom-out")
    paths = sorted(arm.root.rglob("*.png"))[:5]
    folder = tmp_path / "in"
    folder.mkdir()
    plain = Encoding(ExplicitVRLittleEndian, 8, rescale=(2.0, -10.0), window=(200.0, 500.0))
    grays = [read_gray(path) for path in paths]
    for name, gray, encoding, header in (
        ("first.dcm", grays[0], plain, FULL),
        ("second.dcm", grays[1], plain, FULL),
        ("aside.dcm", grays[2][:40].T, Encoding(JPEGLosslessSV1, 8, inverted=True),
         FULL | {"PatientOrientation": ["F", "L"]}),
        ("bare.dcm", grays[3], Encoding(JPEG2000Lossless, 8, inverted=True), {}),
    ):  # fmt: skip
        write_dicom(
            folder / name, gray, encoding, kind=ComputedRadiographyImageStorage, name=name,
            header={"Modality": "CR"} | header,
        )  # fmt: skip
    cv2.imwrite(str(folder / "plain.png"), grays[4])
    predict_images(
        model,
        find_inputs([str(folder)]),
        tmp_path / "p.parquet",
        PredictConfig(workers=1, dicom=tmp_path / "results", method=METHOD),
    )
    return pl.read_parquet(tmp_path / "p.parquet"), folder, tmp_path / "results"


def rows(results):
    table, folder, out = results
    assert table["reason"].null_count() == 5
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
            heat = maps_on_images(model, pixels[None], [name], METHOD)[0, 0]
            wanted = overlaid(pixels, heat)[..., ::-1].astype(int)
            assert np.abs(capture.pixel_array.astype(int) - wanted).max() <= 1
            seen += 1
    assert seen


def states(results):
    return [pydicom.dcmread(path) for path in sorted((results[2] / STATES).glob("*.dcm"))]


def test_presentation_states_hold_the_boxes_of_the_heat_maps_of_a_series(results, model):
    wanted, images = {}, {}
    for row, image, _ in rows(results):
        images[image.SOPInstanceUID] = image
        pixels = model.preprocess(results[1] / row["image_id"])
        for name in (name for name in model.findings if row[f"call_{name}"]):
            boxes = boxes_of_map(maps_on_images(model, pixels[None], [name], METHOD)[0, 0])[0]
            assert len(boxes)
            wanted[image.SOPInstanceUID, name] = (row["image_id"], boxes, row[f"p_{name}"])
    found = set()
    for state in states(results):
        assert state.SOPClassUID == GrayscaleSoftcopyPresentationStateStorage
        (series,) = state.ReferencedSeriesSequence
        layers = {layer.GraphicLayer: layer.GraphicLayerDescription for layer in state.GraphicLayerSequence}
        first = images[series.ReferencedImageSequence[0].ReferencedSOPInstanceUID]
        for reference in series.ReferencedImageSequence:
            image = images[reference.ReferencedSOPInstanceUID]
            assert image.SeriesInstanceUID == series.SeriesInstanceUID
            assert (image.StudyInstanceUID, image.get("PatientID") or "") == (state.StudyInstanceUID, state.PatientID)
            assert str(image.get("PatientName") or "") == str(state.PatientName or "")
            assert image.get("FrameOfReferenceUID") == first.get("FrameOfReferenceUID")
        area = state.DisplayedAreaSelectionSequence[0]
        assert area.DisplayedAreaBottomRightHandCorner == [first.Columns, first.Rows]
        inverse = first.PhotometricInterpretation == "MONOCHROME1"
        assert state.PresentationLUTShape == ("INVERSE" if inverse else "IDENTITY")
        assert (state.get("RescaleSlope"), state.get("RescaleIntercept")) == (
            first.get("RescaleSlope"),
            first.get("RescaleIntercept"),
        )
        for item in state.get("SoftcopyVOILUTSequence", ()):
            shown = images[item.ReferencedImageSequence[0].ReferencedSOPInstanceUID]
            assert (item.WindowCenter, item.WindowWidth) == (shown.WindowCenter, shown.WindowWidth)
        for annotation in state.GraphicAnnotationSequence:
            (reference,) = annotation.ReferencedImageSequence
            key = reference.ReferencedSOPInstanceUID, layers[annotation.GraphicLayer]
            image_id, boxes, probability = wanted[key]
            assert annotation.TextObjectSequence[0].UnformattedTextValue == f"{key[1]} {probability:.3f}"
            drawn = [np.reshape(item.GraphicData, (5, 2)) for item in annotation.GraphicObjectSequence]
            assert all((each[0] == each[-1]).all() for each in drawn)
            image = images[key[0]]
            if image_id == "aside.dcm":  # 40 x 48 as stored, 4 px of bars left and right of the upright 48 x 40
                assert (image.Rows, image.Columns) == (48, 40)
                expected = [box_of([y, x, height, width], 48, (-4, 0), image) for x, y, width, height in boxes]
            else:
                expected = [box_of(box, 48, (0, 0), image) for box in boxes]
            spans = [np.concatenate([each.min(0), each.max(0)]) for each in drawn]
            assert np.array_equal(np.float32(spans), np.float32(expected))
            ids = {item.TrackingUID for item in annotation.GraphicObjectSequence}
            groups = hd.sr.srread(results[2] / image_id / "report.dcm").content.get_image_measurement_groups()
            assert ids == {group.tracking_uid for group in groups if group.tracking_identifier == key[1]}
            found.add(key)
    assert found == set(wanted)
    assert [len(each.ReferencedSeriesSequence[0].ReferencedImageSequence) for each in states(results)].count(2) == 1
    names = sorted(path.name for path in (results[2] / STATES).iterdir())
    assert f"{SERIES}.dcm" in names
    assert f"{SERIES}-2.dcm" in names  # another scale of gray


def box_of(box, side, corner, image):
    """Left, top, right and bottom of a box on a square of `side` px whose corner is there on the stored image."""
    x, y, width, height = box
    edges = np.array([x, y, x + width, y + height]) * side + [*corner, *corner]
    return np.clip(edges, 0, [image.Columns, image.Rows] * 2)


@pytest.mark.parametrize("orientation", [["L", "F"], ["R", "F"], ["L", "H"], ["F", "L"], ["H", "R"], ["F", "R"]])
@pytest.mark.parametrize("square", ["pad", "crop", "stretch"])
def test_boxes_return_to_where_they_are_on_the_stored_pixels(tmp_path, orientation, square):
    stored = np.zeros((60, 40), np.uint8)
    stored[24:36, 8:20] = 255
    path = tmp_path / "a.dcm"
    write_dicom(
        path, stored, Encoding(ExplicitVRLittleEndian, 8), kind=ComputedRadiographyImageStorage, name="a",
        header={"Modality": "CR", "PatientOrientation": orientation},
    )  # fmt: skip
    recipe = parse_recipe([{"square": square}, {"resize": 60}])
    pixels = preprocess(read_gray(path), recipe)
    rows, columns = np.nonzero(pixels > 127)
    ends = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    box = np.array([[ends[0], ends[1], ends[2] - ends[0], ends[3] - ends[1]]]) / 60
    shown = read_displayed(path)
    found = boxes_on_stored(box, recipe, 60, 40, shown.turn)[0]
    assert found == pytest.approx([8, 24, 20, 36], abs=1)  # pixels of the square are up to 1.5 px wide
    whole = boxes_on_stored(np.array([[0.0, 0.0, 1.0, 1.0]]), recipe, 60, 40, shown.turn)[0]
    assert whole.tolist() == ([0, 10, 40, 50] if square == "crop" else [0, 0, 40, 60])


def test_a_box_on_a_bar_beside_the_image_is_left_out():
    recipe = parse_recipe([{"square": "pad"}, {"resize": 60}])
    boxes = boxes_on_stored(np.array([[0.0, 0.2, 0.1, 0.1], [0.0, 0.2, 0.5, 0.1]]), recipe, 60, 40, Turn())
    assert with_area(boxes) == pytest.approx(np.array([[0, 12, 20, 18]]))


def test_tables_of_a_header_are_repeated(tmp_path):
    path = tmp_path / "a.dcm"
    stored = np.arange(48, dtype=np.uint8).reshape(6, 8)
    write_dicom(
        path, stored, Encoding(ExplicitVRLittleEndian, 8), kind=ComputedRadiographyImageStorage, name="a",
        header={"Modality": "CR"},
    )  # fmt: skip
    image = pydicom.dcmread(path)
    for keyword, first, values in (("ModalityLUTSequence", 3, [5, 6, 90]), ("VOILUTSequence", 7, [0, 1000, 65535])):
        table = pydicom.Dataset()
        table.LUTDescriptor, table.LUTData = [3, first, 16], values
        table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
        setattr(image, keyword, [table])
    image.save_as(path)
    shown = read_displayed(path)
    modality = shown.modality_transformation().ModalityLUTSequence[0]
    interest = shown.interest_transformation().VOILUTSequence[0]
    for table, first, values in ((modality, 3, [5, 6, 90]), (interest, 7, [0, 1000, 65535])):
        assert list(table.LUTDescriptor) == [3, first, 16]
        assert np.frombuffer(table.LUTData, np.uint16).tolist() == values


def test_images_that_are_of_no_study_have_none(results, tmp_path):
    _, folder, out = results
    assert sorted(path.name for path in out.iterdir()) == [
        *("aside.dcm", "bare.dcm", "first.dcm", STATES, "second.dcm")
    ]
    with pytest.raises(NoStudy):
        read_source(folder / "plain.png")
    without = pydicom.dcmread(folder / "first.dcm")
    del without.StudyInstanceUID
    without.save_as(tmp_path / "without.dcm")
    with pytest.raises(NoStudy):
        read_source(tmp_path / "without.dcm")


def written(results):
    paths = sorted(results[2].rglob("*.dcm"))
    paths = [path for path in paths if path.is_file()]
    kinds = {pydicom.dcmread(path).SOPClassUID.keyword for path in paths}
    assert kinds == {
        "Comprehensive3DSRStorage",
        "GrayscaleSoftcopyPresentationStateStorage",
        "SecondaryCaptureImageStorage",
    }
    return paths


def lacking(dataset, attributes, path=()):
    """Attributes of type 1 and 2 that are not there, or of type 1 and empty, in this and in sequences within it."""
    for each in attributes:
        if tuple(each["path"]) != path or each["type"] not in ("1", "2"):
            continue
        element = dataset.get(each["keyword"])
        absent = each["keyword"] not in dataset
        if absent or (each["type"] == "1" and (element is None or str(element) == "" or element == [])):
            yield ".".join([*path, each["keyword"]])
    for keyword in {each["keyword"] for each in attributes if tuple(each["path"]) == path}:
        if keyword in dataset and dataset[keyword].VR == "SQ":
            for item in dataset[keyword].value:
                yield from lacking(item, attributes, (*path, keyword))


def test_objects_have_what_the_modules_of_their_iod_require(results):
    modules = {kind: get_iod_module_map()[get_sop_class_iod_map()[kind]] for kind in CLASSES}
    attributes = get_module_attribute_map()
    for path in written(results):
        dataset = pydicom.dcmread(path)
        own = modules[str(dataset.SOPClassUID)]
        found = [
            (each["key"], name)
            for each in own
            if each["usage"] == "M" and each["key"] not in CONDITIONAL
            for name in lacking(dataset, attributes[each["key"]])
        ]
        assert found == [], path
        known = {each["keyword"] for module in own for each in attributes[module["key"]] if not each["path"]}
        further = {element.keyword for element in dataset} - known - {"PixelData"}
        # a frame of reference makes a capture a Standard Extended SOP Class, which is conformant (PS3.2 3.11)
        assert further <= {"FrameOfReferenceUID"}, path
    state = states(results)[0]
    del state.DisplayedAreaSelectionSequence[0].PresentationSizeMode
    named = attributes["displayed-area"]
    assert list(lacking(state, named)) == ["DisplayedAreaSelectionSequence.PresentationSizeMode"]


CONDITIONAL = ("sr-document-content",)
"""Its table asks of every item for what each type of value needs; `srread` and dsrdump know which is which."""


def output_of(program, *words):
    if shutil.which(program) is None:
        pytest.skip(f"no {program} here")
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, errors="replace")
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_dciodvfy_finds_no_error(results):
    for path in written(results):
        _, lines = output_of("dciodvfy", path)
        assert not [line for line in lines if line.startswith(("Error", "Abort"))], (path, lines)
        unknown = [line for line in lines if line.startswith("Warning") and not line.startswith(EXPECTED)]
        assert not unknown, path


EXPECTED = (
    "Warning - Missing attribute or value that would be needed to build DICOMDIR",  # the source has none
    "Warning - Unrecognized defined term <99HILUM>",  # a private scheme, which the object declares
    "Warning - Attribute is not present in standard DICOM IOD - (0x0020,0x0052)",
    "Warning - Dicom dataset contains attributes not present in standard DICOM IOD",
)


def test_dcmtk_reads_reports_and_presentation_states(results, tmp_path):
    for path in results[2].rglob("report.dcm"):
        code, lines = output_of("dsrdump", path)
        assert code == 0, lines
        text = "\n".join(lines)
        assert "Probability" in text
        assert not [line for line in lines if line.startswith(("E:", "W:")) and "VR checker" not in line]
    for path in (results[2] / STATES).glob("*.dcm"):
        state = pydicom.dcmread(path)
        state.PatientName = "Mueller^Anne"  # its checker knows no UTF-8, and takes an empty name for an error
        state.save_as(tmp_path / path.name)
        code, lines = output_of("dcmpschk", tmp_path / path.name)
        assert code == 0, lines
        assert "Test passed" in "\n".join(lines)
