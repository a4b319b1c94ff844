import csv

import cv2
import numpy as np

from hilum.phantom.layouts.padchest import REPORT, TABLE

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
    header, *images = rows(generated("padchest")[0])
    assert header == COLUMNS
    assert {len(image) for image in images} == {36}
    assert {image[9] for image in images} == {"PA", "AP", "AP_horizontal"}
    assert REPORT in {image[29] for image in images}


def test_images_are_16_bit_gray_in_the_folder_of_the_table(generated):
    root, _ = generated("padchest")
    for image in rows(root)[1:]:
        pixels = cv2.imread(str(root / image[2] / image[1]), cv2.IMREAD_UNCHANGED)
        assert pixels.dtype == np.uint16
        assert pixels.shape == (int(image[21]), int(image[22]))
        assert pixels.max() > 40_000


def test_labels_are_lists_some_with_blanks_and_some_that_say_nothing(generated):
    root, written = generated("padchest")
    labels = [image[31] for image in rows(root)[1:]]
    assert any(cell.startswith("[' ") for cell in labels)
    silent = written.manifest["No Finding"].is_null().to_list()
    assert any(silent)
    assert {cell for cell, nothing in zip(labels, silent, strict=True) if nothing} <= {
        "", "[]", "['']", "['exclude']", "['suboptimal study']", "['unchanged']",
    }  # fmt: skip
