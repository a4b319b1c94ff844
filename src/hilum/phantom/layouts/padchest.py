"""Generated images in the native layout of PadChest."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from hilum.findings import labelled_by
from hilum.phantom.layouts.images import deep_image, shape_in_proportion
from hilum.phantom.layouts.writing import GeneratedDataset, Request, draws, manifest_of
from hilum.phantom.population import Image

TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
HEADER = (
    ",ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,ViewPosition_DICOM,Projection,"
    "MethodProjection,Pediatric,Modality_DICOM,Manufacturer_DICOM,PhotometricInterpretation_DICOM,"
    "PixelRepresentation_DICOM,PixelAspectRatio_DICOM,SpatialResolution_DICOM,BitsStored_DICOM,WindowCenter_DICOM,"
    "WindowWidth_DICOM,Rows_DICOM,Columns_DICOM,XRayTubeCurrent_DICOM,Exposure_DICOM,ExposureInuAs_DICOM,ExposureTime,"
    "RelativeXRayExposure_DICOM,ReportID,Report,MethodLabel,Labels,Localizations,LabelsLocalizationsBySentence,"
    "labelCUIS,LocalizationsCUIS"
)
"""Header of PadChest's table."""
REPORT = "torax sin cambi valor ."
"""Text of the column Report of every image with findings; a manifest must not contain it."""
_BITS = 16
_FOLDERS = 55
_FAINT = 0.4
# finding on the image: its term for a faint and for a severe finding
_TERMS: Mapping[str, tuple[str, str]] = {
    "Atelectasis": ("laminar atelectasis", "lobar atelectasis"),
    "Cardiomegaly": ("cardiomegaly", "cardiomegaly"),
    "Pleural Effusion": ("pleural effusion", "loculated pleural effusion"),
    "Infiltration": ("infiltrates", "infiltrates"),
    "Mass": ("mass", "pulmonary mass"),
    "Nodule": ("nodule", "multiple nodules"),
    "Pneumonia": ("atypical pneumonia", "pneumonia"),
    "Pneumothorax": ("pneumothorax", "pneumothorax"),
    "Consolidation": ("consolidation", "consolidation"),
    "Edema": ("pulmonary edema", "pulmonary edema"),
    "Emphysema": ("emphysema", "emphysema"),
    "Fibrosis": ("pulmonary fibrosis", "pulmonary fibrosis"),
    "Pleural Thickening": ("apical pleural thickening", "calcified pleural thickening"),
    "Hernia": ("hiatal hernia", "hiatal hernia"),
}
# finding without image signs: its term, fraction of images below and above 60 years
_BY_CHANCE: Mapping[str, tuple[str, float, float]] = {
    "Congestion": ("hilar congestion", 0.01, 0.05),
    "COPD": ("COPD signs", 0.03, 0.25),
    "Aortic Elongation": ("supra aortic elongation", 0.01, 0.18),
    "Kyphosis": ("kyphosis", 0.01, 0.06),
    "Scoliosis": ("scoliosis", 0.04, 0.09),
    "Air Trapping": ("air trapping", 0.02, 0.06),
    "Bronchiectasis": ("bronchiectasis", 0.01, 0.03),
    "Chronic Changes": ("chronic changes", 0.01, 0.09),
    "Lung Cavity": ("cavitation", 0.01, 0.01),
    "Pacemaker": ("pacemaker", 0.005, 0.05),
    "Sternotomy": ("sternotomy", 0.005, 0.04),
    "Tuberculosis": ("tuberculosis", 0.01, 0.01),
    "Volume Loss": ("volume loss", 0.01, 0.04),
}
_OLD = 60
_ELSE = ("vertebral degenerative changes", "pseudonodule", "subcutaneous emphysema", "nipple shadow")
_NO_CONTENT = ("", "['exclude']", "['suboptimal study']", "['unchanged']", "[]", "['']")
_NO_CONTENT_FRACTION = 0.08


def write(root: Path, request: Request) -> GeneratedDataset:
    """Write generated images as BIMCV distributes PadChest.

    Files: the table with its 36 columns and 16-bit PNG files in folders 0 to 54. All images are frontal: PA, AP, or
    AP_horizontal for a supine patient. Labels of findings that the phantom does not render (congestion, COPD,
    deformities, devices, …) are random, with rates that depend on age, and have no image signs. Some labels have blanks
    around them, as in the real table; about eight of a hundred images have labels without findings.
    """
    size, seed = request.size, request.seed
    population = request.population()
    for folder in sorted({_folder(image) for image in population}):
        (root / folder).mkdir()

    def draw(image: Image) -> None:
        pixels = deep_image(image, size=size, seed=seed, bits=_BITS)
        cv2.imwrite(str(root / _folder(image) / _name(image, seed)), pixels)

    request.draw(population, draw)
    lines = [HEADER, *(_line(number, image, size, seed) for number, image in enumerate(population))]
    (root / TABLE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return GeneratedDataset(manifest_of([_row(image, seed) for image in population], list(labelled_by("padchest"))))


def _labels(image: Image, seed: int) -> tuple[str, dict[str, int | None]]:
    """Return the cell Labels, and the code of each finding."""
    draw = draws(seed, "padchest labels", image.image_id)
    findings = labelled_by("padchest")
    silent_place = draw.random() / _NO_CONTENT_FRACTION
    if silent_place < 1:
        return _NO_CONTENT[int(silent_place * len(_NO_CONTENT))], dict.fromkeys(findings)
    terms = {finding: _TERMS[finding][severity >= _FAINT] for finding, severity in image.severities.items()}
    chance = draw.random(len(_BY_CHANCE))
    for (finding, (term, young, old)), drawn in zip(_BY_CHANCE.items(), chance, strict=True):
        if drawn < (old if image.age >= _OLD else young):
            terms[finding] = term
    reported = list(terms.values())
    if draw.random() < 0.3:
        reported.append(_ELSE[int(draw.integers(len(_ELSE)))])
    if not reported:
        terms, reported = {"No Finding": "normal"}, ["normal"]
    blank = " " if draw.random() < 0.3 else ""
    cell = "[" + ", ".join(f"'{blank}{term}'" for term in reported) + "]"
    return cell, {finding: int(finding in terms) for finding in findings}


def _line(number: int, image: Image, size: int, seed: int) -> str:
    labels, _ = _labels(image, seed)
    rows, columns = shape_in_proportion(image, size)
    cells = dict.fromkeys(HEADER.split(","), "") | {
        "": str(number),
        "ImageID": _name(image, seed),
        "ImageDir": _folder(image),
        "StudyDate_DICOM": f"{_year(image)}0615",
        "StudyID": _study(image, seed),
        "PatientID": _patient(image, seed),
        "PatientBirth": f"{_year(image) - image.age}.0",
        "PatientSex_DICOM": image.sex,
        "ViewPosition_DICOM": "POSTEROANTERIOR" if image.view == "PA" else "ANTEROPOSTERIOR",
        "Projection": _projection(image),
        "MethodProjection": "Manual review of DICOM fields",
        "Pediatric": "PED" if image.age < 18 else "No",
        "Modality_DICOM": "CR",
        "PhotometricInterpretation_DICOM": "MONOCHROME2",
        "PixelRepresentation_DICOM": "0",
        "SpatialResolution_DICOM": image.spacing,
        "BitsStored_DICOM": "12",
        "Rows_DICOM": str(rows),
        "Columns_DICOM": str(columns),
        "ReportID": str(4_000_000 + number),
        "Report": REPORT if labels else "",
        "MethodLabel": "Physician" if image.patient % 4 == 0 else "RNN_model",
        "Labels": labels,
        "Localizations": "['loc basal', 'loc right']",
        "LabelsLocalizationsBySentence": f"[{labels or '[]'}]",
        "labelCUIS": "[]",
        "LocalizationsCUIS": "['C1282378' 'C0444532']",
    }
    return ",".join(f'"{cell}"' if "," in cell else cell for cell in cells.values())


def _row(image: Image, seed: int) -> dict[str, object]:
    return {
        "image_id": _name(image, seed),
        "path": f"{_folder(image)}/{_name(image, seed)}",
        "patient_id": _patient(image, seed),
        "study_id": _study(image, seed),
        "view": _projection(image).upper(),
        "age": float(image.age),
        "sex": image.sex,
        **_labels(image, seed)[1],
    }


def _projection(image: Image) -> str:
    return "PA" if image.view == "PA" else "AP" if image.upright else "AP_horizontal"


def _year(image: Image) -> int:
    return 2009 + (image.age - image.age_at_first_image)


def _folder(image: Image) -> str:
    return str(image.patient % _FOLDERS)


def _patient(image: Image, seed: int) -> str:
    return _digits(draws(seed, "padchest", f"patient {image.patient}"), 38)


def _study(image: Image, seed: int) -> str:
    return _digits(draws(seed, "padchest", image.image_id), 38)


def _name(image: Image, seed: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    tail = draws(seed, "padchest file", image.image_id).integers(0, len(letters), 6)
    return f"{_study(image, seed)}_{''.join(letters[int(letter)] for letter in tail)}.png"


def _digits(draw: np.random.Generator, count: int) -> str:
    return "".join(str(digit) for digit in draw.integers(1, 10, count))
