"""Generated images in the layout of VinBigData's challenge on Kaggle."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from hilum.findings import NO_FINDING, labelled_by
from hilum.phantom.image import Box
from hilum.phantom.layouts.vindr_images import (
    DrawnImage,
    Read,
    Reading,
    box_truth,
    chosen_images,
    codes,
    draw_image,
    reading_truth,
    readings,
    together,
)
from hilum.phantom.layouts.writing import GeneratedDataset, Request, manifest_of

HEADER = "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max"
"""Header of Kaggle's train.csv; class ids follow the order of `hilum.findings.labelled_by`."""


def write(root: Path, request: Request) -> GeneratedDataset:
    """Write generated images as Kaggle distributes VinBigData's.

    Images, readers and names are those of the layout vindr_cxr with the same seed; the table has the readers' boxes of
    14 findings, in integer pixels, and no test images.
    """
    size, seed = request.size, request.seed
    for folder in ("train", "test"):
        (root / folder).mkdir()
    radiographs = chosen_images(seed, request.images, request.min_prevalence)
    drawn = request.draw(radiographs, lambda image: draw_image(image, size, seed, root))
    train = [
        (image, [_boxed(reading, image) for reading in readings(image, seed)])
        for image in drawn
        if image.part == "train"
    ]
    test = sorted((image for image in drawn if image.part == "test"), key=lambda image: image.image_id)
    _write_tables(root, train, test)
    return GeneratedDataset(_manifest(train, test), box_truth(train), reading_truth(train, "vinbigdata"))


def _boxed(reading: Reading, image: DrawnImage) -> Reading:
    """Reduce a reading to the boxes of this table, in integer pixels."""
    marked = {
        finding: [_whole(box, image) for box in boxes]
        for finding, boxes in reading.marked.items()
        if boxes and finding in labelled_by("vinbigdata")
    }
    return replace(reading, marked=marked)


def _whole(box: Box, image: DrawnImage) -> Box:
    left, top = math.floor(box.x), math.floor(box.y)
    right, bottom = min(math.ceil(box.x + box.width), image.columns), min(math.ceil(box.y + box.height), image.rows)
    return Box(box.finding, float(left), float(top), float(right - left), float(bottom - top))


def _write_tables(root: Path, train: Read, test: Sequence[DrawnImage]) -> None:
    names = labelled_by("vinbigdata")
    ids = {finding: number for number, finding in enumerate(names)}
    lines = [HEADER]
    for image, readings_of_image in train:
        for reading in readings_of_image:
            for box in (box for boxes in reading.marked.values() for box in boxes):
                corners = f"{box.x:.0f},{box.y:.0f},{box.x + box.width:.0f},{box.y + box.height:.0f}"
                what = f"{names[box.finding]},{ids[box.finding]}"
                lines.append(f"{image.image_id},{what},{reading.reader},{corners}")
            if not reading.marked:
                lines.append(f"{image.image_id},{names[NO_FINDING]},{ids[NO_FINDING]},{reading.reader},,,,")
    (root / "train.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    expected = ["image_id,PredictionString", *(f"{image.image_id},14 1 0 0 1 1" for image in test)]
    (root / "sample_submission.csv").write_text("\n".join(expected) + "\n", encoding="utf-8")


def _manifest(train: Read, test: Sequence[DrawnImage]) -> pl.DataFrame:
    read = [
        (image, together([codes(reading, "vinbigdata") for reading in readings_of_image]))
        for image, readings_of_image in train
    ]
    rows = [
        {
            "image_id": image.image_id,
            "path": f"{image.part}/{image.image_id}.dicom",
            "patient_id": image.image_id,
            "view": "PA",
            "age": float(image.image.age),
            "sex": image.image.sex,
            "split": image.part,
            **labels,
        }
        for image, labels in [*read, *((image, {}) for image in test)]
    ]
    return manifest_of(rows, list(labelled_by("vinbigdata")))
