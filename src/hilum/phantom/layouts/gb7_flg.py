"""Generated images in the layout that Hilum defines for GB7-FLG."""

from collections import Counter
from itertools import islice
from pathlib import Path

import polars as pl
from pydicom.uid import DigitalXRayImageStorageForPresentation

from hilum.findings import NO_FINDING, labelled_by
from hilum.phantom.dicom_writing import PLAIN, Encoding, write_dicom
from hilum.phantom.layouts.images import deep_image, one_image_per_patient, severity, with_severities
from hilum.phantom.layouts.writing import GeneratedDataset, Request, manifest_of, permuted_block
from hilum.phantom.population import Image

LAYOUT = "gb7_flg"
FOLDERS = {"Pneumonia": "MD__20190111-1231_pnevmoniya/Undef", NO_FINDING: "MD__20200424__norma/Undef"}
"""Folders of the images of each class."""
_BITS = 12
_BLOCK = ("Pneumonia",) * 2 + (NO_FINDING,) * 7  # 28 and 99 of 127


def write(root: Path, request: Request) -> GeneratedDataset:
    """Write generated images as GB7-FLG's.

    Both folders get DICOM files without extension, of 12 bits, every other one inverted (MONOCHROME1). Every image is
    of another patient and has pneumonia or no finding.
    """
    size, seed = request.size, request.seed
    for folder in FOLDERS.values():
        (root / folder).mkdir(parents=True)
    population, paths, numbers = [], {}, Counter[str]()
    for place, image in enumerate(islice(one_image_per_patient(seed, "PA"), request.images), start=1):
        label = permuted_block(seed, LAYOUT, place, _BLOCK)
        numbers[label] += 1
        paths[image.image_id] = f"{FOLDERS[label]}/IM{numbers[label]:06d}"
        shown = {label: severity(seed, LAYOUT, image)} if label != NO_FINDING else {}
        population.append(with_severities(image, shown))

    def draw(image: Image) -> None:
        _write_image(image, root / paths[image.image_id], size, seed)

    request.draw(population, draw)
    return GeneratedDataset(_manifest(population, paths))


def _write_image(image: Image, path: Path, size: int, seed: int) -> None:
    header = {
        "Modality": "DX",
        "PatientID": str(image.patient),
        "PatientSex": image.sex,
        "PatientAge": f"{image.age:03d}Y",
        "ViewPosition": image.view,
    }
    pixels = deep_image(image, size=size, seed=seed, bits=_BITS)
    write_dicom(
        path,
        pixels,
        Encoding(PLAIN, _BITS, inverted=bool(image.patient % 2)),
        kind=DigitalXRayImageStorageForPresentation,
        name=f"{LAYOUT} {seed} {image.image_id}",
        header=header,
    )


def _manifest(population: list[Image], paths: dict[str, str]) -> pl.DataFrame:
    rows = [
        {
            "image_id": paths[image.image_id],
            "path": paths[image.image_id],
            "patient_id": str(image.patient),
            "view": image.view,
            "age": float(image.age),
            "sex": image.sex,
            "Pneumonia": int("Pneumonia" in image.severities),
            NO_FINDING: int(not image.severities),
        }
        for image in population
    ]
    return manifest_of(rows, list(labelled_by(LAYOUT))).sort("image_id")
