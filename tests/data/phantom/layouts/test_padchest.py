import csv

import cv2
import numpy as np

from hilum.data.phantom.layouts.padchest import REPORT, TABLE

# the 36 columns of PadChest's table, in their order
COLUMNS = [
    "", "ImageID", "ImageDir", "StudyDate_DICOM", "StudyID", "PatientID", "PatientBirth", "PatientSex_DICOM",
    "ViewPosition_DICOM", "Projection", "MethodProjection", "Pediatric", "Modality_DICOM", "Manufacturer_DICOM",
    "PhotometricInterpretation_DICOM", "PixelRepresentation_DICOM", "PixelAspectRatio_DICOM",
    "SpatialResolution_DICOM", "BitsStored_DICOM", "WindowCenter_DICOM", "WindowWidth_DICOM", "Rows_DICOM",
    "Columns_DICOM", "XRayTubeCurrent_DICOM", "Exposure_DICOM", "ExposureInuAs_DICOM", "ExposureTime",
    "RelativeXRayExposure_DICOM", "ReportID", "Report", "MethodLabel", "Labels", "Localizations",
    "LabelsLocalizationsBySentence", "labelCUIS", "LocalizationsCUIS",
]  # fmt: skip


def rows(root):
    with (root / TABLE).open(newline="") as stream:
        return list(csv.reader(stream))


def test_the_table_has_the_native_columns(generated):
    header, *films = rows(generated("padchest")[0])
    assert header == COLUMNS
    assert {len(film) for film in films} == {36}
    assert {film[9] for film in films} == {"PA", "AP", "AP_horizontal"}
    assert REPORT in {film[29] for film in films}


def test_images_are_16_bit_gray_in_the_folder_of_the_table(generated):
    root, _ = generated("padchest")
    for film in rows(root)[1:]:
        pixels = cv2.imread(str(root / film[2] / film[1]), cv2.IMREAD_UNCHANGED)
        assert pixels.dtype == np.uint16
        assert pixels.shape == (int(film[21]), int(film[22]))
        assert pixels.max() > 40_000


def test_labels_are_lists_some_with_blanks_and_some_that_say_nothing(generated):
    root, written = generated("padchest")
    labels = [film[31] for film in rows(root)[1:]]
    assert any(cell.startswith("[' ") for cell in labels)
    silent = written.manifest["No Finding"].is_null().to_list()
    assert any(silent)
    assert {cell for cell, nothing in zip(labels, silent, strict=True) if nothing} <= {
        "", "[]", "['']", "['exclude']", "['suboptimal study']", "['unchanged']",
    }  # fmt: skip
