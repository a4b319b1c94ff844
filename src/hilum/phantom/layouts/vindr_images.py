"""Images and readings of both distributions of VinDr-CXR: DICOM files, and three radiologists who may disagree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import polars as pl
from pydicom.uid import DigitalXRayImageStorageForPresentation

from hilum.findings import NO_FINDING, labelled_by
from hilum.phantom.dicom_writing import LOSSLESS, write_dicom
from hilum.phantom.image import FRAME, Box, render_image
from hilum.phantom.layouts.images import hex_id, one_image_per_patient, shape_in_proportion
from hilum.phantom.layouts.writing import box_table_with_readers, draws, permuted_block, reading_table
from hilum.phantom.population import Image

LAYOUT = "vindr_cxr"
READERS: tuple[str, ...] = tuple(f"R{number}" for number in range(1, 18))
"""Names of the radiologists of the training images."""
NAMED = {"Mass": "Nodule/Mass", "Nodule": "Nodule/Mass", "Hernia": "Other Disease"}
"""VinDr-CXR's names of the phantom's findings, if different; other findings of VinDr-CXR are never positive."""
WHOLE_IMAGE: tuple[str, ...] = ("Pneumonia", "Other Disease")
"""Findings of the phantom that VinDr-CXR labels without boxes."""
_FAINT = 0.5  # findings with lower severities may be missed, fainter ones more often
_JITTER = 0.05  # of a box's sides
_BLOCK = ("train",) * 5 + ("test",)


@dataclass(frozen=True)
class DrawnImage:
    """Image with its findings.

    Attributes:
        image: Image of the population.
        image_id: Name in the data set.
        part: "train" or "test".
        columns, rows: Size of the file, pixels.
        boxes: Boxes of VinDr-CXR's canonical findings, in pixels of the file.
        severities: Severities of these findings, with boxes or of the whole image.
    """

    image: Image
    image_id: str
    part: str
    columns: int
    rows: int
    boxes: Sequence[Box]
    severities: Mapping[str, float]


@dataclass(frozen=True)
class Reading:
    """Findings that a reader reports, with their boxes; findings of the whole image have none."""

    reader: str
    marked: Mapping[str, Sequence[Box]]


Read = Sequence[tuple[DrawnImage, Sequence[Reading]]]
"""Images with their readings."""


def chosen_images(seed: int, images: int, min_prevalence: float = 0.0) -> list[Image]:
    """Return PA images of different patients."""
    return list(islice(one_image_per_patient(seed, "PA", min_prevalence), images))


def draw_image(image: Image, size: int, seed: int, root: Path) -> DrawnImage:
    """Render an image and write root/train/ID.dicom or root/test/ID.dicom."""
    placed = [finding for finding in image.severities if NAMED.get(finding, finding) not in WHOLE_IMAGE]
    rendered = render_image(image, size=2 * size, seed=seed, boxed=placed)
    rows, columns = shape_in_proportion(image, size)
    encoding = LOSSLESS[image.patient % len(LOSSLESS)]
    averaged = cv2.resize(rendered.pixels.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    pixels = np.rint(averaged * ((2**encoding.bits - 1) / 255)).astype(np.uint16)
    image_id, part = hex_id(seed, LAYOUT, image), permuted_block(seed, LAYOUT, image.patient, _BLOCK)
    spacing = float(image.spacing) * max(image.width, image.height) / size
    header = {
        "Modality": "DX",
        "PatientSex": image.sex,
        "PatientAge": f"{image.age:03d}Y",
        "PixelSpacing": [round(spacing, 6)] * 2,
    }
    path = root / part / f"{image_id}.dicom"
    kind = DigitalXRayImageStorageForPresentation
    write_dicom(path, pixels, encoding, kind=kind, name=f"{LAYOUT} {seed} {image_id}", header=header)
    boxes = [
        Box(
            NAMED.get(box.finding, box.finding),
            box.x * columns / FRAME,
            box.y * rows / FRAME,
            box.width * columns / FRAME,
            box.height * rows / FRAME,
        )
        for box in rendered.boxes
    ]
    severities: dict[str, float] = {}
    for finding, severity in image.severities.items():
        name = NAMED.get(finding, finding)
        if name in WHOLE_IMAGE or any(box.finding == name for box in boxes):
            severities[name] = max(severity, severities.get(name, 0.0))
    return DrawnImage(image, image_id, part, columns, rows, boxes, severities)


def readings(drawn: DrawnImage, seed: int) -> list[Reading]:
    """Return three readers' independent readings of a training image."""
    draw = draws(seed, LAYOUT, f"readers of {drawn.image_id}")
    names = [READERS[number] for number in sorted(draw.choice(len(READERS), 3, replace=False))]
    return [
        Reading(
            name,
            {
                finding: [_moved(box, drawn, draw) for box in drawn.boxes if box.finding == finding]
                for finding, severity in drawn.severities.items()
                if severity > _FAINT * draw.random()
            },
        )
        for name in names
    ]


def consensus(drawn: DrawnImage) -> Reading:
    """Return all findings of the image: the test images' reading."""
    boxes = {name: [box for box in drawn.boxes if box.finding == name] for name in drawn.severities}
    return Reading("", boxes)


def codes(reading: Reading, collection: str) -> dict[str, int]:
    """Return 1 or 0 for every finding that the collection labels; No Finding is 1 if none is reported."""
    found = {finding: int(finding in reading.marked) for finding in labelled_by(collection) if finding != NO_FINDING}
    return {**found, NO_FINDING: int(not any(found.values()))}


def together(readings_of_image: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Return one code for all readers: theirs if they agree, else -1."""
    return {
        finding: code if all(one[finding] == code for one in readings_of_image) else -1
        for finding, code in readings_of_image[0].items()
    }


def box_truth(read: Read) -> pl.DataFrame:
    """Return the boxes of these readings, each with its reader."""
    return box_table_with_readers(
        (
            (image.image_id, box.finding, box.x, box.y, box.width, box.height, image.columns, image.rows),
            reading.reader or None,
        )
        for image, readings_of_image in read
        for reading in readings_of_image
        for on_image in reading.marked.values()
        for box in on_image
    )


def reading_truth(read: Read, collection: str) -> pl.DataFrame:
    """Return every reader's code of every finding that the collection labels."""
    return reading_table(
        (image.image_id, reading.reader, finding, code)
        for image, readings_of_image in read
        for reading in readings_of_image
        for finding, code in codes(reading, collection).items()
    )


def _moved(box: Box, drawn: DrawnImage, draw: np.random.Generator) -> Box:
    """Return a randomly jittered box, within the image."""
    left, top, right, bottom = draw.uniform(-_JITTER, _JITTER, 4)
    x, y = max(box.x + left * box.width, 0.0), max(box.y + top * box.height, 0.0)
    end = min(box.x + (1 + right) * box.width, float(drawn.columns))
    foot = min(box.y + (1 + bottom) * box.height, float(drawn.rows))
    return Box(box.finding, x, y, end - x, foot - y)
