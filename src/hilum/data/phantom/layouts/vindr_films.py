"""What VinDr-CXR's two distributions share: DICOM films, and three radiologists who do not always agree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import polars as pl
from pydicom.uid import DigitalXRayImageStorageForPresentation

from hilum.data.phantom.dicom_writing import LOSSLESS, write_dicom
from hilum.data.phantom.film import FRAME, Box, render_film
from hilum.data.phantom.layouts.chosen import hex_id, one_film_a_patient
from hilum.data.phantom.layouts.films import shape_in_proportion
from hilum.data.phantom.layouts.truth_tables import box_table_of_readers, reading_table
from hilum.data.phantom.layouts.writing import draws, one_of_a_block
from hilum.data.phantom.population import Film
from hilum.findings import NO_FINDING, labelled_by

LAYOUT = "vindr_cxr"
READERS: tuple[str, ...] = tuple(f"R{number}" for number in range(1, 18))
"""Names of the radiologists of the training films."""
NAMED = {"Mass": "Nodule/Mass", "Nodule": "Nodule/Mass", "Hernia": "Other Disease"}
"""What VinDr-CXR calls findings of the phantom otherwise; what the phantom cannot draw is present nowhere."""
WHOLE_FILM: tuple[str, ...] = ("Pneumonia", "Other Disease")
"""Findings of the phantom that VinDr-CXR labels and does not box."""
_FAINT = 0.5  # severities below may be missed, the fainter the more often
_JITTER = 0.05  # of a box's sides
_BLOCK = ("train",) * 5 + ("test",)


@dataclass(frozen=True)
class DrawnFilm:
    """A film and what is on it.

    Attributes:
        film: of the population.
        image_id: its name in the data set.
        part: "train" or "test".
        columns, rows: of its file.
        boxes: by VinDr-CXR's canonical findings, in pixels of the file.
        severities: of these findings, boxed or of the whole film.
    """

    film: Film
    image_id: str
    part: str
    columns: int
    rows: int
    boxes: Sequence[Box]
    severities: Mapping[str, float]


@dataclass(frozen=True)
class Reading:
    """What a reader says of a film: every finding seen, with its boxes, of which those of the whole film have none."""

    reader: str
    seen: Mapping[str, Sequence[Box]]


Read = Sequence[tuple[DrawnFilm, Sequence[Reading]]]
"""Films with their readings."""


def chosen_films(seed: int, images: int) -> list[Film]:
    """PA films of as many patients."""
    return list(islice(one_film_a_patient(seed, "PA"), images))


def draw_film(film: Film, size: int, seed: int, root: Path) -> DrawnFilm:
    """Take a film and write root/train/ID.dicom or root/test/ID.dicom."""
    placed = [finding for finding in film.severities if NAMED.get(finding, finding) not in WHOLE_FILM]
    rendered = render_film(film, size=2 * size, seed=seed, boxed=placed)
    rows, columns = shape_in_proportion(film, size)
    encoding = LOSSLESS[film.patient % len(LOSSLESS)]
    averaged = cv2.resize(rendered.pixels.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    pixels = np.rint(averaged * ((2**encoding.bits - 1) / 255)).astype(np.uint16)
    image_id, part = hex_id(seed, LAYOUT, film), one_of_a_block(seed, LAYOUT, film.patient, _BLOCK)
    spacing = float(film.spacing) * max(film.width, film.height) / size
    header = {
        "Modality": "DX",
        "PatientSex": film.sex,
        "PatientAge": f"{film.age:03d}Y",
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
    for finding, severity in film.severities.items():
        name = NAMED.get(finding, finding)
        if name in WHOLE_FILM or any(box.finding == name for box in boxes):
            severities[name] = max(severity, severities.get(name, 0.0))
    return DrawnFilm(film, image_id, part, columns, rows, boxes, severities)


def readings(drawn: DrawnFilm, seed: int) -> list[Reading]:
    """Three readers' own readings of a training film."""
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


def consensus(drawn: DrawnFilm) -> Reading:
    """What is on the film: the test films' reading."""
    boxes = {name: [box for box in drawn.boxes if box.finding == name] for name in drawn.severities}
    return Reading("", boxes)


def codes(reading: Reading, collection: str) -> dict[str, int]:
    """1 or 0 for every finding that the collection labels; No Finding where the reader sees none of them."""
    found = {finding: int(finding in reading.seen) for finding in labelled_by(collection) if finding != NO_FINDING}
    return {**found, NO_FINDING: int(not any(found.values()))}


def together(said: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """One code for all readers: theirs where they agree, else -1."""
    return {finding: code if all(one[finding] == code for one in said) else -1 for finding, code in said[0].items()}


def box_truth(read: Read) -> pl.DataFrame:
    """The boxes of these readings, each with its reader."""
    return box_table_of_readers(
        (
            (film.image_id, box.finding, box.x, box.y, box.width, box.height, film.columns, film.rows),
            reading.reader or None,
        )
        for film, said in read
        for reading in said
        for on_film in reading.seen.values()
        for box in on_film
    )


def reading_truth(read: Read, collection: str) -> pl.DataFrame:
    """Every reader's code of every finding that the collection labels."""
    return reading_table(
        (film.image_id, reading.reader, finding, code)
        for film, said in read
        for reading in said
        for finding, code in codes(reading, collection).items()
    )


def _moved(box: Box, drawn: DrawnFilm, draw: np.random.Generator) -> Box:
    """The box as one more hand would draw it, on the film."""
    left, top, right, bottom = draw.uniform(-_JITTER, _JITTER, 4)
    x, y = max(box.x + left * box.width, 0.0), max(box.y + top * box.height, 0.0)
    end = min(box.x + (1 + right) * box.width, float(drawn.columns))
    foot = min(box.y + (1 + bottom) * box.height, float(drawn.rows))
    return Box(box.finding, x, y, end - x, foot - y)
