"""Generated images in the native layout of MIMIC-CXR-JPG."""

import gzip
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import cv2

from hilum.findings import CHEXPERT
from hilum.phantom.image import render_image
from hilum.phantom.layouts.chexpert_labels import mentioned, read_by_radiologists
from hilum.phantom.layouts.images import in_proportion, shape_in_proportion
from hilum.phantom.layouts.writing import GeneratedDataset, Request, draws, manifest_of, permuted_block
from hilum.phantom.population import Image

METADATA_HEADER = (
    "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate,StudyTime,"
    "ProcedureCodeSequence_CodeMeaning,ViewCodeSequence_CodeMeaning,PatientOrientationCodeSequence_CodeMeaning"
)
"""Header of mimic-cxr-2.0.0-metadata.csv."""
OBSERVATIONS = tuple(sorted(CHEXPERT))
"""The 14 observations in the order of MIMIC-CXR-JPG's tables."""
_LIST = {"train": "train", "validate": "val", "test": "test"}
_PARTS = ("train",) * 7 + ("validate",) + ("test",) * 2
_FIRST_YEAR = 2110  # MIMIC shifts every patient's dates into a future century
_QUALITY = 95


def write(root: Path, request: Request) -> GeneratedDataset:
    """Write generated images as PhysioNet distributes MIMIC-CXR-JPG.

    Files: the metadata, split, chexpert and negbio tables (.csv.gz), the radiologist's table of the test studies,
    MIMIC-IV's patients.csv.gz and `files/pNN/pNNNNNNNN/sNNNNNNNN/*.jpg`, one frontal image per study. NegBio's table
    differs from CheXpert's only by fewer negations: those of the pleura.
    """
    size, seed = request.size, request.seed
    population = request.population()

    def draw(image: Image) -> None:
        path = root / _path(image, seed)
        path.parent.mkdir(parents=True)
        pixels = in_proportion(render_image(image, size=size, seed=seed).pixels, image)
        cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])

    request.draw(population, draw)
    codes = {image.image_id: mentioned(image, seed) for image in population}
    _write_tables(root, population, codes, size, seed)
    return GeneratedDataset(manifest_of([_row(image, codes[image.image_id], seed) for image in population], CHEXPERT))


def by_negbio(codes: Mapping[str, int | None]) -> dict[str, int | None]:
    """Return the codes of the second labeller for the same report."""
    pleural = ("Pneumothorax", "Pleural Effusion")
    return {name: None if code == 0 and name not in pleural else code for name, code in codes.items()}


def _write_tables(
    root: Path, population: Sequence[Image], codes: Mapping[str, Mapping[str, int | None]], size: int, seed: int
) -> None:
    labels = ",".join(["subject_id", "study_id", *OBSERVATIONS])
    tables = {
        "mimic-cxr-2.0.0-metadata.csv": [METADATA_HEADER, *(_metadata(image, size, seed) for image in population)],
        "mimic-cxr-2.0.0-split.csv": [
            "dicom_id,study_id,subject_id,split",
            *(f"{_dicom(image, seed)},{_study(image)},{_subject(image)},{_part(image, seed)}" for image in population),
        ],
        "mimic-cxr-2.0.0-chexpert.csv": [labels, *(_labels(image, codes[image.image_id]) for image in population)],
        "mimic-cxr-2.0.0-negbio.csv": [
            labels,
            *(_labels(image, by_negbio(codes[image.image_id])) for image in population),
        ],
        "patients.csv": ["subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod", *_people(population)],
    }
    for name, lines in tables.items():
        # without a time in the header, so that the same images give the same bytes
        (root / f"{name}.gz").write_bytes(gzip.compress(_text(lines), mtime=0))
    tested = [image for image in population if _part(image, seed) == "test"]
    read = [_labels(image, read_by_radiologists(image, seed)).partition(",")[2] for image in tested]
    lines = [labels.partition(",")[2], *read]
    (root / "mimic-cxr-2.1.0-test-set-labeled.csv").write_bytes(_text(lines))


def _text(lines: Iterable[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _metadata(image: Image, size: int, seed: int) -> str:
    rows, columns = shape_in_proportion(image, size)
    procedure = "CHEST (PORTABLE AP)" if image.view == "AP" else "CHEST (PA AND LAT)"
    meaning = "antero-posterior" if image.view == "AP" else "postero-anterior"
    stance = "Erect" if image.upright else "Recumbent"
    return (
        f"{_dicom(image, seed)},{_subject(image)},{_study(image)},{procedure},{image.view},{rows},{columns},"
        f"{_year(image)}0615,{80000 + image.follow_up}.125,{procedure},{meaning},{stance}"
    )


def _labels(image: Image, codes: Mapping[str, int | None]) -> str:
    written = ("" if codes[name] is None else f"{codes[name]}.0" for name in OBSERVATIONS)
    return ",".join([_subject(image), _study(image), *written])


def _people(population: Sequence[Image]) -> list[str]:
    first = {image.patient: image for image in reversed(population)}
    ages = [(image, image.age_at_first_image) for _, image in sorted(first.items())]
    return [f"{_subject(image)},{image.sex},{age},{_FIRST_YEAR},2011 - 2013," for image, age in ages]


def _row(image: Image, codes: Mapping[str, int | None], seed: int) -> dict[str, object]:
    return {
        "image_id": _dicom(image, seed),
        "path": _path(image, seed),
        "patient_id": _subject(image),
        "study_id": _study(image),
        "view": image.view,
        "age": float(image.age),
        "sex": image.sex,
        "split": _LIST[_part(image, seed)],
        **codes,
    }


def _part(image: Image, seed: int) -> str:
    return permuted_block(seed, "mimic_cxr_jpg", image.patient, _PARTS)


def _year(image: Image) -> int:
    return _FIRST_YEAR + image.age - image.age_at_first_image


def _subject(image: Image) -> str:
    return str(10_000_000 + image.patient * 7)


def _study(image: Image) -> str:
    return str(50_000_000 + image.patient * 100 + image.follow_up)


def _dicom(image: Image, seed: int) -> str:
    words = draws(seed, "mimic_cxr_jpg", image.image_id).integers(0, 2**32, 5)
    return "-".join(f"{int(word):08x}" for word in words)


def _path(image: Image, seed: int) -> str:
    return f"files/p{_subject(image)[:2]}/p{_subject(image)}/s{_study(image)}/{_dicom(image, seed)}.jpg"
