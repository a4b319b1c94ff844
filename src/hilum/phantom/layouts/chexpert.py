"""Generated images in the native layout of CheXpert-v1.0-small."""

from collections.abc import Mapping
from pathlib import Path

import cv2

from hilum.findings import CHEXPERT
from hilum.phantom.image import render_image
from hilum.phantom.layouts.chexpert_labels import mentioned, read_by_radiologists
from hilum.phantom.layouts.images import in_proportion
from hilum.phantom.layouts.writing import GeneratedDataset, Request, manifest_of, permuted_block
from hilum.phantom.population import Image

FOLDER = "CheXpert-v1.0-small"
HEADER = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *CHEXPERT)
"""Header of CheXpert's train.csv and valid.csv."""
_PARTS = ("train",) * 5 + ("valid",)
_QUALITY = 95
_OLDEST = 90  # and above


def write(root: Path, request: Request) -> GeneratedDataset:
    """Write generated images as Stanford distributes CheXpert.

    Files: CheXpert-v1.0-small/train.csv, valid.csv and {train,valid}/patientNNNNN/studyN/view1_frontal.jpg, one frontal
    image per study. Every sixth patient is in valid (200 of 65,240 in the real set), with codes 1.0 and 0.0 only, as
    read by radiologists. In train.csv barely visible findings are -1.0, and absent ones 0.0 or blank.
    """
    size, seed = request.size, request.seed
    population = request.population()

    def draw(image: Image) -> None:
        path = root / FOLDER / _name(image, seed)
        path.parent.mkdir(parents=True)
        pixels = in_proportion(render_image(image, size=size, seed=seed).pixels, image)
        cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])

    request.draw(population, draw)
    codes = {image.image_id: _codes(image, seed) for image in population}
    for part in ("train", "valid"):
        listed = [image for image in population if _part(image, seed) == part]
        lines = [",".join(HEADER), *(_line(image, codes[image.image_id], seed) for image in listed)]
        (root / FOLDER / f"{part}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    in_order = sorted(population, key=lambda image: _part(image, seed) == "valid")
    return GeneratedDataset(manifest_of([_row(image, codes[image.image_id], seed) for image in in_order], CHEXPERT))


def _part(image: Image, seed: int) -> str:
    return permuted_block(seed, "chexpert", image.patient, _PARTS)


def _patient(image: Image) -> str:
    return f"patient{image.patient:05d}"


def _age(image: Image) -> int:
    return min(image.age, _OLDEST)


def _name(image: Image, seed: int) -> str:
    return f"{_part(image, seed)}/{_patient(image)}/study{image.follow_up + 1}/view1_frontal.jpg"


def _codes(image: Image, seed: int) -> dict[str, int | None]:
    return mentioned(image, seed) if _part(image, seed) == "train" else read_by_radiologists(image, seed)


def _line(image: Image, codes: Mapping[str, int | None], seed: int) -> str:
    sex = "Female" if image.sex == "F" else "Male"
    written = ("" if codes[finding] is None else f"{codes[finding]}.0" for finding in CHEXPERT)
    return ",".join([f"{FOLDER}/{_name(image, seed)}", sex, str(_age(image)), "Frontal", image.view, *written])


def _row(image: Image, codes: Mapping[str, int | None], seed: int) -> dict[str, object]:
    name = _name(image, seed)
    return {
        "image_id": name,
        "path": f"{FOLDER}/{name}",
        "patient_id": _patient(image),
        "study_id": f"{_patient(image)}/study{image.follow_up + 1}",
        "view": image.view,
        "age": float(_age(image)),
        "sex": image.sex,
        "split": "val" if _part(image, seed) == "valid" else "train",
        **codes,
    }
