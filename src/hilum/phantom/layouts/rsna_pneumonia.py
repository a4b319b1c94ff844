"""Generated images in the layout of RSNA's pneumonia challenge."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from pydicom.uid import JPEGBaseline8Bit, SecondaryCaptureImageStorage

from hilum.findings import NO_FINDING, labelled_by
from hilum.phantom.dicom_writing import Encoding, write_dicom
from hilum.phantom.image import FRAME, render_image
from hilum.phantom.layouts.images import hex_id, severity, with_severities
from hilum.phantom.layouts.writing import GeneratedDataset, Request, box_table, manifest_of, permuted_block
from hilum.phantom.population import Image

LAYOUT = "rsna_pneumonia"
OPACITIES: tuple[str, ...] = ("Pneumonia", "Consolidation", "Infiltration")
"""Findings of the phantom that are lung opacities; only images of that class have any."""
_OPACITY, _NORMAL, _OTHER = "Lung Opacity", "Normal", "No Lung Opacity / Not Normal"
_CLASSES = (_OPACITY,) * 2 + (_NORMAL,) * 3 + (_OTHER,) * 4  # the challenge's proportions
_PARTS = ("train",) * 8 + ("test",)


@dataclass(frozen=True)
class _DrawnImage:
    image: Image
    boxes: Sequence[tuple[int, int, int, int]]
    read_as: str


def write(root: Path, request: Request) -> GeneratedDataset:
    """Write generated images as Kaggle distributes RSNA's.

    Files: `stage_2_{train,test}_images/*.dcm` (JPEG baseline, 8 bits, secondary captures, as RSNA's),
    stage_2_train_labels.csv and stage_2_detailed_class_info.csv, with boxes in the 1024 frame. RSNA's mapping to
    ChestX-ray14 is not written, since these patients are not ChestX-ray14's.
    """
    size, seed = request.size, request.seed
    for part in ("train", "test"):
        (root / f"stage_2_{part}_images").mkdir()
    population = [
        _shown(image, permuted_block(seed, f"{LAYOUT} class", place, _CLASSES), seed)
        for place, image in enumerate(request.population(), start=1)
    ]
    drawn = request.draw(population, lambda image: _draw(image, size, seed, root))
    train = [image for image in drawn if _part(image.image, seed) == "train"]
    _write_tables(root, train, seed)
    test = [image for image in drawn if _part(image.image, seed) == "test"]
    test.sort(key=lambda image: _image_id(image.image, seed))
    return GeneratedDataset(_manifest(train, test, seed), _boxes(train, seed))


def _shown(image: Image, chosen: str, seed: int) -> Image:
    others = {finding: faint for finding, faint in image.severities.items() if finding not in OPACITIES}
    if chosen == _NORMAL:
        return with_severities(image, {})
    if chosen == _OPACITY:
        return with_severities(image, {**others, "Pneumonia": severity(seed, LAYOUT, image, 0.5)})
    return with_severities(image, others or {"Cardiomegaly": severity(seed, LAYOUT, image, 0.5)})


def _part(image: Image, seed: int) -> str:
    return permuted_block(seed, LAYOUT, image.patient, _PARTS)


def _image_id(image: Image, seed: int) -> str:
    digits = hex_id(seed, LAYOUT, image)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _draw(image: Image, size: int, seed: int, root: Path) -> _DrawnImage:
    present = [finding for finding in image.severities if finding in OPACITIES]
    rendered = render_image(image, size=size, seed=seed, boxed=present)
    image_id = _image_id(image, seed)
    header = {
        "Modality": "CR",
        "ConversionType": "WSD",
        "BodyPartExamined": "CHEST",
        "ViewPosition": image.view,
        "PatientID": image_id,
        "PatientName": image_id,
        "PatientSex": image.sex,
        "PatientAge": str(image.age),  # without unit, as RSNA's are
        "PixelSpacing": [image.spacing[:6]] * 2,
    }
    write_dicom(
        root / f"stage_2_{_part(image, seed)}_images" / f"{image_id}.dcm",
        rendered.pixels,
        Encoding(JPEGBaseline8Bit, 8),
        kind=SecondaryCaptureImageStorage,
        name=f"{LAYOUT} {seed} {image_id}",
        header=header,
    )
    boxes = []
    for box in rendered.boxes:
        left, top = math.floor(box.x), math.floor(box.y)
        right, bottom = min(math.ceil(box.x + box.width), FRAME), min(math.ceil(box.y + box.height), FRAME)
        boxes.append((left, top, right - left, bottom - top))
    # A finding too faint for a box counts as not reported.
    return _DrawnImage(image, boxes, _OPACITY if boxes else _OTHER if image.severities else _NORMAL)


def _write_tables(root: Path, train: Sequence[_DrawnImage], seed: int) -> None:
    labels, classes = ["patientId,x,y,width,height,Target"], ["patientId,class"]
    for drawn in train:
        image_id = _image_id(drawn.image, seed)
        places = [",".join(f"{value:.1f}" for value in box) + ",1" for box in drawn.boxes] or [",,,,0"]
        labels += [f"{image_id},{place}" for place in places]
        classes += [f"{image_id},{drawn.read_as}"] * len(places)  # one row per box, as RSNA's
    (root / "stage_2_train_labels.csv").write_text("\n".join(labels) + "\n", encoding="utf-8")
    (root / "stage_2_detailed_class_info.csv").write_text("\n".join(classes) + "\n", encoding="utf-8")


def _manifest(train: Sequence[_DrawnImage], test: Sequence[_DrawnImage], seed: int) -> pl.DataFrame:
    rows = []
    for drawn in (*train, *test):
        image_id, part = _image_id(drawn.image, seed), _part(drawn.image, seed)
        target = int(bool(drawn.boxes))
        labels = {"Lung Opacity": target, "Pneumonia": target, NO_FINDING: int(drawn.read_as == _NORMAL)}
        row = {
            "image_id": image_id,
            "path": f"stage_2_{part}_images/{image_id}.dcm",
            "patient_id": image_id,
            "view": drawn.image.view,
            "age": float(drawn.image.age),
            "sex": drawn.image.sex,
            "split": part,
        }
        rows.append(row | (labels if part == "train" else {}))
    return manifest_of(rows, list(labelled_by(LAYOUT)))


def _boxes(train: Sequence[_DrawnImage], seed: int) -> pl.DataFrame:
    return box_table(
        (_image_id(drawn.image, seed), "Lung Opacity", float(x), float(y), float(width), float(height), FRAME, FRAME)
        for drawn in train
        for x, y, width, height in drawn.boxes
    )
